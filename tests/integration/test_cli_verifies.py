"""`watchword events verify` reads a database by itself, and fails at the first row that does not fit."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from suite.cli import app
from suite.place import Place
from tests.harness.database import Database
from tests.harness.log import command


async def verify(database: Database, data: Path, *arguments: str) -> Result:
    place = Place(data)
    place.furnish()
    (place.secrets / "token.dsn").write_text(database.dsn)
    told = ["events", "verify", "token", "--data", str(data), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, app, told)


async def found(database: Database, data: Path) -> tuple[int, Any]:
    result = await verify(database, data, "--json")
    return result.exit_code, json.loads(result.stdout)[0]


async def test_a_whole_log_is_said_to_fit_with_its_last_hash(database: Database, tmp_path: Path) -> None:
    async with database.store() as store:
        for n in range(3):
            await store.append(command(f"c{n}", {"s": n}))
        last = (await store.head()).chain_hash.hex()
    assert await found(database, tmp_path) == (0, {"log": "token", "position": 3, "chain_hash": last})
    assert f"3 events fit   chain hash {last}" in (await verify(database, tmp_path)).stdout


async def test_the_first_row_that_does_not_fit_is_named_with_the_last_that_does(
    database: Database, tmp_path: Path
) -> None:
    first = ""
    async with database.store() as store:
        for n in range(3):
            await store.append(command(f"c{n}", {"s": n}))
            first = first or (await store.head()).chain_hash.hex()
    async with database.admin() as admin:
        await admin.execute("UPDATE eventlog.events SET actor = 'somebody else' WHERE position = 2")
    code, misfit = await found(database, tmp_path)
    assert (code, misfit["misfit"], misfit["position"], misfit["chain_hash"]) == (1, 2, 1, first)
    said = (await verify(database, tmp_path)).stdout
    assert "position 2 does not fit: its chain hash does not follow" in said
    assert f"1 events before it fit   chain hash {first}" in said


async def test_a_database_that_does_not_answer_is_no_misfit(database: Database, tmp_path: Path) -> None:
    await verify(database, tmp_path)
    (Place(tmp_path).secrets / "token.dsn").write_text("postgresql://nobody@/none?host=/nowhere")
    told = ["events", "verify", "token", "--data", str(tmp_path)]
    result = await asyncio.to_thread(CliRunner().invoke, app, told)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the database of token cannot be read" in result.stderr
