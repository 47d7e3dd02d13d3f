"""What an ID token says of a person: what was asked for by name (OpenID Connect Core 5.5), in identity's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
import pytest

from eventlog.errors import Refusal, unavailable
from services.token.commands.issue import Answered
from services.token.domain.authorization import Decision
from services.token.domain.errors import InvalidGrant, Reused
from tests.unit.token.authorizing import OWN, SHOP, Browser
from tests.unit.token.world import ALICE, ISSUER, World

ASKED = '{"id_token": {"email": {"essential": true}, "preferred_username": null, "sub": null}}'
KNOWN = {"email": "alice@example.org", "preferred_username": "alice"}


@dataclass
class Identity:
    """What it knows of people, or that it does not answer; and what it was asked."""

    known: Mapping[str, Any] = field(default_factory=lambda: KNOWN)
    away: bool = False
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def claims(self, account_id: str, names: Sequence[str]) -> Mapping[str, Any]:
        """See ports.People."""
        self.asked.append((account_id, tuple(names)))
        if self.away:
            raise unavailable("peer_unavailable", "identity does not answer")
        return self.known


@pytest.fixture
async def world() -> World:
    return await World.made(OWN, SHOP, algs=("ES256", "RS256"))


def before(world: World, identity: Identity, shop: bool = False) -> Browser:
    world.a.token = replace(world.a.token, people=identity)
    return Browser(world, SHOP if shop else OWN)


def said(answered: Answered) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(answered.answer.id_token or "", options={"verify_signature": False})
    return claims


async def test_an_id_token_says_what_was_asked_for_by_name_and_token_keeps_nothing_of_it(world: World) -> None:
    identity = Identity()
    browser = before(world, identity)
    answered = await browser.redeem(await browser.code(scope="openid", claims=ASKED))
    assert said(answered).items() >= KNOWN.items()
    assert identity.asked == [(ALICE, ("email", "preferred_username"))]
    assert all(b"alice@example.org" not in row.body for row in world.store.rows)
    again = await world.refresh(answered.answer.refresh_token or "", client=OWN)
    assert KNOWN.keys().isdisjoint(said(again))
    assert len(identity.asked) == 1


async def test_nothing_is_asked_where_nothing_was_named_for_the_id_token(world: World) -> None:
    identity = Identity()
    browser = before(world, identity)
    await browser.redeem(await browser.code(claims='{"userinfo": {"email": null}}'))
    assert identity.asked == []


async def test_what_a_person_does_not_let_an_application_know_is_not_in_its_id_token(world: World) -> None:
    identity = Identity()
    browser = before(world, identity, shop=True)
    code = await browser.code(decision=Decision(True, ("openid", "profile")), scope="openid", claims=ASKED)
    assert said(await browser.redeem(code)).get("email") is None
    assert identity.asked == [(ALICE, ("preferred_username",))]


async def test_identity_cannot_say_what_is_for_token_to_say_nor_more_than_was_asked(world: World) -> None:
    forged = {"sub": "acc_bob", "aud": "other", "nonce": "x", "client_id": "other", "scope": "a", "pos": 1, "cnf": {}}
    browser = before(world, Identity(forged | KNOWN | {"phone_number": "+1"}))
    claims = said(await browser.redeem(await browser.code(scope="openid", claims=ASKED)))
    assert claims.items() >= {"sub": ALICE, "aud": "own", "iss": ISSUER, "nonce": "n-0S6_WzA2Mj"}.items()
    assert {"client_id", "scope", "pos", "cnf", "phone_number"}.isdisjoint(claims)


async def test_a_code_stays_good_where_identity_does_not_answer(world: World) -> None:
    identity = Identity(away=True)
    browser = before(world, identity)
    code = await browser.code(scope="openid", claims=ASKED)
    with pytest.raises(Refusal) as refused:
        await browser.redeem(code)
    assert refused.value.code == "peer_unavailable"
    identity.away = False
    assert said(await browser.redeem(code))["email"] == "alice@example.org"


async def test_nobody_is_asked_about_for_whoever_cannot_redeem_the_code(world: World) -> None:
    identity = Identity()
    browser = before(world, identity)
    code = await browser.code(scope="openid", claims=ASKED)
    tries: list[dict[str, Any]] = [{"verifier": "v" * 43}, {"client": SHOP}, {"redirect_uri": "https://evil.example/"}]
    for wrong in tries:
        with pytest.raises(InvalidGrant):
            await browser.redeem(code, **wrong)
    await browser.redeem(code)
    with pytest.raises(Reused):
        await browser.redeem(code)
    assert len(identity.asked) == 1


async def test_what_was_told_is_in_no_repr(world: World) -> None:
    browser = before(world, Identity())
    answered = await browser.redeem(await browser.code(scope="openid", claims=ASKED))
    assert "alice@example.org" not in repr(answered)
