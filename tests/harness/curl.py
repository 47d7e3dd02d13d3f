"""As much of curl as the README uses, for machines that have none: -s, -w, -H, -d, -c and -b."""

import argparse
import http.cookiejar
import sys

import httpx2


def main() -> None:
    """Behaves as curl does with the same arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-w", default="")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("-c")
    parser.add_argument("-b")
    parser.add_argument("url")
    asked = parser.parse_args()
    jar = http.cookiejar.MozillaCookieJar()
    if asked.b:
        jar.load(asked.b, ignore_discard=True)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if asked.d else {}
    headers |= dict(header.split(": ", 1) for header in asked.H)
    with httpx2.Client(cookies=jar, trust_env=False) as client:
        answer = client.request("POST" if asked.d else "GET", asked.url, content=asked.d, headers=headers)
    if asked.c:
        jar.save(asked.c, ignore_discard=True)
    sys.stdout.write(answer.text + asked.w.encode().decode("unicode_escape"))


if __name__ == "__main__":
    main()
