"""A browser's way through an authorization request, as identity leads it, on two processes of token."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.token.commands.authorize import Asked, Destination, begin, proceed
from services.token.commands.awaited import Awaited, asked_now
from services.token.commands.issue import Answered
from services.token.commands.redeem import redeem
from services.token.commands.request_objects import Hints
from services.token.domain.authorization import Decision, SignedIn
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import Client
from services.token.domain.code import Shown
from services.token.domain.said import IdTokenHint
from tests.unit.token.world import ALICE, IDENTITY, Process, World

CALLBACK = "https://shop.example/callback"
SHOP = Client(
    id="shop",
    name="The shop",
    grant_types=("authorization_code", "refresh_token"),
    scopes=("openid", "profile", "email", "offline_access", "orders:read"),
    audiences=("https://orders.example", "https://stock.example"),
    redirect_uris=(CALLBACK,),
)
OWN = msgspec.structs.replace(SHOP, id="own", first_party=True)
PHONE = msgspec.structs.replace(SHOP, id="phone", confidential=False, redirect_uris=("http://127.0.0.1/callback",))
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
GOOD = {
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "openid email",
    "state": "af0ifjsldkj",
    "nonce": "n-0S6_WzA2Mj",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@dataclass
class Browser:
    """One browser: what it asks for, who is signed in, and where it was sent. `resources` may be several."""

    world: World
    client: Client = OWN
    process: Process | None = None
    resources: list[str] = field(default_factory=list)

    @property
    def at(self) -> Process:
        return self.process or self.world.a

    async def asks(self, hint: IdTokenHint | None = None, **changes: str | None) -> Asked | Destination:
        """A request that is good, but for what a test changes; None leaves a parameter out."""
        said = {"client_id": self.client.id} | GOOD | changes
        asked = {name: value for name, value in said.items() if value is not None}
        return await begin(self.at.token, asked, self.resources, saying(hint))

    async def kept(self, **changes: str | None) -> str:
        asked = await self.asks(None, **changes)
        assert isinstance(asked, Asked), asked
        return asked.handle

    def alice(self, **changes: Any) -> SignedIn:
        """Alice, who has just signed in and knows all of token's log."""
        self.world.sessions += 1
        who = SignedIn(
            subject=ALICE,
            session_id=f"ses_{self.world.sessions}",
            session_position=100 * self.world.sessions,
            seen=self.world.head,
            auth_time=self.world.clock.now(),
            acr="urn:watchword:acr:password",
            amr=("pwd",),
        )
        return msgspec.structs.replace(who, **changes)

    async def goes_on(self, handle: str, who: SignedIn | None, decision: Decision | None = None) -> Any:
        return await proceed(self.at.token, handle, who, decision, IDENTITY)

    async def code(self, who: SignedIn | None = None, decision: Decision | None = None, **changes: str | None) -> str:
        """The code of a whole visit."""
        going = await self.goes_on(await self.kept(**changes), who or self.alice(), decision)
        assert isinstance(going, Destination), going
        return dict(going.parameters)["code"]

    async def redeem(
        self,
        code: str,
        redirect_uri: str | None = CALLBACK,
        verifier: str | None = VERIFIER,
        client: Client | None = None,
        resources: tuple[str, ...] = (),
        binding: Binding = UNBOUND,
        awaited: Awaited | None = None,
    ) -> Answered:
        shown = Shown(redirect_uri, verifier)
        proven = await self.world.known(client or self.client, self.at)
        return await redeem(
            self.at.token, proven, code, shown, list(resources), IDENTITY, awaited or asked_now(), binding
        )


def saying(hint: IdTokenHint | None) -> Hints:
    """As if every id_token_hint said this; None: as if none were an ID token."""

    async def read(presented: str) -> IdTokenHint | None:
        return hint

    return read


def error_of(going: Any) -> str:
    """What a client is told."""
    assert isinstance(going, Destination), going
    return dict(going.parameters)["error"]
