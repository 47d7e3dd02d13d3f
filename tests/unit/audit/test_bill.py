"""The bill of materials lists what the lock files pin, to the hash."""

from pathlib import Path
from typing import Any

import pytest

from audit.bill import lacking, listed, with_jars
from audit.pins import Pin, hashes, jars

ONE, TWO = "1" * 64, "2" * 64
LOCK = f"aiokafka==0.14.0 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n# a comment\n"


def component(version: str = "0.14.0", *sums: str) -> dict[str, Any]:
    hashes = [{"alg": "SHA-256", "content": one} for one in sums]
    ways = [{"type": "distribution", "url": "https://pypi.org/simple/aiokafka/", "hashes": hashes}]
    return {"name": "aiokafka", "version": version, "purl": f"pkg:pypi/aiokafka@{version}", "externalReferences": ways}


def test_a_lock_file_pins_versions_with_their_hashes() -> None:
    assert hashes(LOCK) == {Pin("aiokafka", "0.14.0"): frozenset({ONE, TWO})}
    for bad in ("aiokafka>=0.14.0 --hash=sha256:" + ONE, "aiokafka==0.14.0", "-e sdk"):
        with pytest.raises(ValueError, match="pins no version"):
            hashes(bad)


@pytest.mark.parametrize(
    "components",
    [
        [],
        [component("0.14.1", ONE, TWO)],
        [component("0.14.0", ONE)],
        [component("0.14.0", ONE, TWO), component("1.0")],
    ],
    ids=["nothing", "another version", "a hash too few", "something more"],
)
def test_what_it_says_otherwise_is_named(components: list[Any]) -> None:
    assert lacking({"components": components}, LOCK)


def test_what_it_says_alike_is_not() -> None:
    assert lacking({"components": [component("0.14.0", ONE, TWO)]}, LOCK) == []


def test_the_jars_of_kafka_are_in_it() -> None:
    locked = jars(Path("suite/kafka/jars.lock").read_text())
    made = with_jars({"components": [component("0.14.0", ONE, TWO)], "dependencies": []}, locked)
    found = {(one["group"], one["name"], one["version"]): one["hashes"][0]["content"] for one in made["components"][1:]}
    assert found == locked
    assert {one["ref"] for one in made["dependencies"]} == {one["bom-ref"] for one in made["components"][1:]}
    assert list(listed(made)) == [Pin("aiokafka", "0.14.0")], "packages and jars are told apart"
