"""A person who signed in, and services that act for them one behind the other (RFC 8693)."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from chassis.web import Form
from chassis.web.forms import REPEATABLE
from services.token.api.grants import GRANTS, Asking
from services.token.commands.awaited import asked_now
from services.token.commands.issue import Answered
from services.token.domain.authorization import Decision
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.exchange import ACCESS_TOKEN, GRANT_TYPE
from tests.unit.token.authorizing import OWN, Browser
from tests.unit.token.world import IDENTITY, Process, World

FRONT = msgspec.structs.replace(
    OWN,
    id="front",
    grant_types=(*OWN.grant_types, GRANT_TYPE),
    scopes=("openid", "offline_access", "orders:read", "stock:read"),
    audiences=("orders", "sealed"),
    access_token_life=600,
)
ORDERS = Client(
    id="orders",
    grant_types=(GRANT_TYPE, "client_credentials"),
    scopes=("stock:read", "orders:read", "orders:write"),
    audiences=("stock", "https://ledger.example"),
    access_token_life=3600,
)
STOCK = msgspec.structs.replace(ORDERS, id="stock", scopes=("stock:read",), audiences=("ledger",))
STRANGER = msgspec.structs.replace(ORDERS, id="stranger")
TRUSTING = msgspec.structs.replace(FRONT, id="trusting", may_act="stranger")
SEALED = msgspec.structs.replace(ORDERS, id="sealed", access_token_alg="RS256")
WITHOUT = msgspec.structs.replace(ORDERS, id="without", grant_types=("client_credentials",))
SCOPE = "orders:read stock:read"
OFFLINE = f"{SCOPE} offline_access"


@dataclass
class Delegation:
    """Alice's token, as an application sent it to `orders`."""

    world: World
    browser: Browser
    who: Any
    access_token: str = field(repr=False)

    async def exchange(self, client: Client = ORDERS, at: Process | None = None, **form: Any) -> Answered:
        """What a service gets for it, but for what a test changes."""
        said = {"subject_token": self.access_token, "subject_token_type": ACCESS_TOKEN} | form
        return await exchanged(at or self.world.b, client, **said)


async def exchanged(at: Process, client: Client, binding: Binding = UNBOUND, **form: Any) -> Answered:
    await at.follow()
    values = {name: value for name, value in form.items() if value is not None}
    several: dict[str, tuple[str, ...]] = {name: (values.pop(name),) for name in REPEATABLE if name in values}
    return await GRANTS[GRANT_TYPE](await asking(at, client, Form(values, several), binding))


async def asking(at: Process, client: Client, form: Form, binding: Binding = UNBOUND) -> Asking:
    """A client that has just proven who it is."""
    proven = await at.token.log.fresh(CLIENT, client.id)
    return Asking(at.token, at.verifier, proven, form, IDENTITY, binding, asked_now())


async def peopled() -> World:
    """A world with all of these clients."""
    return await World.made(FRONT, TRUSTING, ORDERS, STOCK, STRANGER, SEALED, WITHOUT, algs=("ES256", "RS256"))


async def delegation(
    world: World, client: Client = FRONT, scope: str = SCOPE, resource: str | None = None
) -> Delegation:
    browser = Browser(world, client, resources=[resource] if resource else [])
    who = browser.alice()
    decision = Decision(True, tuple(scope.split()))
    given = await browser.redeem(await browser.code(who, decision, scope=scope))
    return Delegation(world, browser, who, given.answer.access_token)
