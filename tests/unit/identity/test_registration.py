"""An account and its name come into being together, once."""

import asyncio

import pytest
from zxcvbn.matching import L33T_TABLE, enumerate_l33t_subs, relevant_l33t_subtable

from services.identity.adapters.strength import LOOKED_AT, looked_at
from services.identity.domain.account import ACCOUNT
from tests.unit.identity.house import PASSWORD, House, refusal_of


async def test_one_name_is_one_account_in_whatever_spelling(house: House) -> None:
    await house.register("Alice")
    assert (await refusal_of(house.register("\uff21\uff2c\uff29\uff23\uff25"))).code == "account_exists"


async def test_of_many_who_want_a_name_at_once_one_gets_it(house: House) -> None:
    answers = await asyncio.gather(*(house.register("alice") for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert (await house.names_of_events()).count("account.registered") == 1


async def test_a_refused_registration_leaves_nothing(house: House) -> None:
    assert (await refusal_of(house.register("bob", "password"))).code == "password_too_weak"
    assert (await refusal_of(house.register("bob", "bob-bob-bob"))).code == "password_too_weak"
    assert house.store.rows == []


async def test_an_empty_password_is_too_weak(house: House) -> None:
    assert (await refusal_of(house.register("bob", ""))).code == "password_too_weak"


@pytest.mark.parametrize("password", ["!$%(+0123456789<@[{|" * 4, "4@8({[<369" * 7, "p455w0rd!|" * 7, "a1" * 500])
async def test_no_password_takes_long_to_judge(password: str) -> None:
    signs = relevant_l33t_subtable(looked_at(password), L33T_TABLE)
    assert len(list(enumerate_l33t_subs(signs))) <= 32, "ways to read it"
    assert len(looked_at(password)) <= LOOKED_AT


async def test_a_password_full_of_signs_is_strong(house: House) -> None:
    await house.register("bob", "{!$|(7%2<0[9@4+6")


async def test_names_addresses_and_hashes_are_sealed(house: House) -> None:
    account_id = await house.register("alice", email="alice@example.org")
    for row in house.store.rows:
        for secret in (b"alice", b"example.org", b"argon2", PASSWORD.encode()):
            assert secret not in row.body
            assert secret not in row.stream.encode()
            assert secret not in (row.sealed or b"")
    account = await house.log.fresh(ACCOUNT, account_id)
    assert (account.username, account.email) == ("alice", "alice@example.org")


async def test_erasing_the_key_erases_the_person_and_the_log_still_loads(house: House) -> None:
    account_id = await house.register("alice")
    await house.log.sealer.erase(f"account/{account_id}")
    other = house.another()
    assert (await other.log.fresh(ACCOUNT, account_id)).username == ""
