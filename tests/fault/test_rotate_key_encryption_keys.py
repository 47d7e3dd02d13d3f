"""Key-encryption keys take the places of others under `up`, as docs/operations says, and nobody notices."""

import os
import re
import subprocess
import sys
from pathlib import Path

from suite.databases import SERVICES
from tests.harness.people import People
from tests.harness.running import running_suite

DOCS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTION = DOCS.partition("## Rotate every key\n")[2].partition("\n## ")[0]
PUT, DROP = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)


def pasted(block: str, data: Path) -> None:
    block = block.replace(".venv/", f"{sys.prefix}/")
    env = {"DATA": str(data), "PATH": os.environ["PATH"]}
    subprocess.run(["bash", "-euo", "pipefail", "-c", block], env=env, check=True)


def key_files(data: Path) -> list[str]:
    return [(data / "secrets" / f"{name}.kek").read_text() for name in SERVICES]


async def test_people_log_in_and_refresh_through_it_and_the_former_keys_are_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_suite(data) as suite:
        former = key_files(data)
        async with People.of(suite) as people:
            person = await people.register()
            login = await people.login(person)
    pasted(PUT, data)
    assert all(
        after.endswith(before) and after != before for before, after in zip(former, key_files(data), strict=True)
    )
    with running_suite(data, fleet=suite.fleet) as suite:
        for name in ("identity", "token"):
            assert re.search(r"^\w+: [1-9]\d* keys wrapped anew", (data / "logs" / f"{name}.rewrap.log").read_text())
    pasted(DROP, data)
    assert not [before for before, after in zip(former, key_files(data), strict=True) if before.strip() in after]
    with running_suite(data, fleet=suite.fleet) as suite:
        async with People.of(suite) as people:
            assert (await people.refresh(login.refresh_token)).status_code == 200
            again = await people.login(person)
            assert (await people.introspect(again.access_token))["active"]
