"""Signs people in: python sign_in.py ISSUER CLIENT_ID, then open http://127.0.0.1:8500 (needs nothing but Python).

Register it first: watchword clients create "Sign-in example" --public --grant-type authorization_code
--redirect-uri http://127.0.0.1/callback. An application of yours has a library for this; here is all that it does.
"""

import base64
import hashlib
import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

ISSUER, CLIENT_ID = sys.argv[1:3]
HERE = "http://127.0.0.1:8500"
with urlopen(f"{ISSUER}/.well-known/openid-configuration") as answer:
    OFFERED = json.load(answer)
BEGUN: dict[str, str] = {}  # what each browser was sent away with; of a real application, its session


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/callback":
            self.come_back({name: values[0] for name, values in parse_qs(asked.query).items()})
        elif asked.path == "/":
            self.send_away()
        else:
            self.send_error(404)

    def send_away(self) -> None:
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        BEGUN[state] = verifier
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        request = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": f"{HERE}/callback"}
        request |= {"scope": "openid profile email", "state": state}
        request |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        self.send_response(303)
        self.send_header("Location", f"{OFFERED['authorization_endpoint']}?{urlencode(request)}")
        self.end_headers()

    def come_back(self, said: dict[str, str]) -> None:
        verifier = BEGUN.pop(said.get("state", ""), None)
        if verifier is None or said.get("iss") != ISSUER or "code" not in said:
            self.say(400, said.get("error_description", "this is no answer to a request of ours"))
            return
        form = {"grant_type": "authorization_code", "code": said["code"], "redirect_uri": f"{HERE}/callback"}
        form |= {"code_verifier": verifier, "client_id": CLIENT_ID}
        with urlopen(OFFERED["token_endpoint"], urlencode(form).encode()) as answer:
            tokens = json.load(answer)
        userinfo = Request(OFFERED["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens['access_token']}"})
        with urlopen(userinfo) as answer:
            self.say(200, f"You are {json.dumps(json.load(answer), indent=2)}")

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    print(f"Open {HERE}", flush=True)
    HTTPServer(("127.0.0.1", 8500), Site).serve_forever()
