"""A family's id is public: whoever knows it and forges the rest changes nothing (RULES 8)."""

import pytest

from tests.harness.people import People
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")


def forgeries(token: str) -> dict[str, str]:
    version, key, family, generation, secret = token.split(".")
    other = "A" if secret[0] != "A" else "B"
    return {
        "another secret": ".".join((version, key, family, generation, other + secret[1:])),
        "a later generation": ".".join((version, key, family, "2", secret)),
        "a key that does not exist": ".".join((version, "nokey", family, generation, secret)),
        "no secret": ".".join((version, key, family, generation, "")),
        "a leading zero": ".".join((version, key, family, "01", secret)),
        "another version": ".".join(("wr2", key, family, generation, secret)),
        "padded": f"{token}=",
        "not canonical": token[:-1] + chr(ord(token[-1]) + 1),
        "a line more": f"{token}\n",
    }


@pytest.mark.parametrize("how", list(forgeries("wr1.k.f.1." + "A" * 43)))
async def test_forged(suite: Running, people: People, how: str) -> None:
    signed = await people.login(await people.register())
    before = await people.introspect(signed.access_token)
    answer = await people.refresh(forgeries(signed.refresh_token)[how])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), how
    assert "watchword-position" not in answer.headers
    assert await people.introspect(signed.access_token) == before
    assert (await people.refresh(signed.refresh_token)).status_code == 200
