"""Clients that know people by names of their own, and what Alice's tokens are called there."""

from typing import Any

import jwt
import msgspec

from services.token.adapters.names import names_of
from services.token.commands.issue import Answered
from services.token.domain.authorization import SignedIn
from services.token.domain.client import Client
from tests.unit.token.authorizing import SHOP, Browser
from tests.unit.token.world import ALICE, Process, World

DIARY = msgspec.structs.replace(
    SHOP, id="diary", ask_consent=False, subject_type="pairwise", sector="diary.example", id_token_alg="ES256"
)
NOTES = msgspec.structs.replace(DIARY, id="notes")
"""Of the same sector."""
BANK = msgspec.structs.replace(DIARY, id="bank", sector="bank.example")
BRIEF = msgspec.structs.replace(DIARY, id="brief", grant_types=("authorization_code",))
"""Without refresh tokens."""
OPEN = msgspec.structs.replace(DIARY, id="open", subject_type="public", sector="")
ALL = (DIARY, NOTES, BANK, BRIEF, OPEN)
OFFLINE = "openid offline_access"


async def enters(
    world: World, client: Client = DIARY, who: SignedIn | None = None, at: Process | None = None, **asked: Any
) -> Answered:
    """Somebody's tokens at a client; Alice's, in a session of her own, where nobody is named."""
    browser = Browser(world, client, at)
    return await browser.redeem(await browser.code(who, **asked))


def id_token(answered: Answered) -> dict[str, Any]:
    """What an ID token says, unverified."""
    said: dict[str, Any] = jwt.decode(answered.answer.id_token or "", options={"verify_signature": False})
    return said


async def called(world: World, client: Client, account_id: str = ALICE) -> str:
    """What a client calls somebody."""
    return (await names_of(world.a.token.log, client)).subject(account_id)


async def called_session(world: World, client: Client, session_id: str) -> str:
    return (await names_of(world.a.token.log, client)).session(session_id)
