"""An organization's rules: a broken policy changes nothing, and what is activated decides in every process at once."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from tests.harness.people import People
from tests.harness.running import Running
from watchword.policy.v1 import policy_pb2 as pb
from watchword.policy.v1 import policy_pb2_grpc

pytestmark = pytest.mark.over("feed")

SCHEMA = """\
entity paper;
action "paper.*" in ["*"];
action "paper.read", "paper.sign" in ["paper.*"]
  appliesTo { principal: [account, client, service], resource: paper, context: Asked };
"""
READING = '@id("reading") permit (principal is client, action == Action::"paper.read", resource is paper);\n'
SIGNING = READING + '@id("signing") permit (principal is client, action == Action::"paper.sign", resource is paper);\n'


class Rules:
    """`watchword policy rules` on a suite, and both of its policy processes."""

    def __init__(self, suite: Running, directory: Path, stubs: list[Any]) -> None:
        self._data = str(suite.place.data)
        self._directory = directory
        self.stubs = stubs

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("watchword")), "policy", "rules", *arguments]
        return await asyncio.to_thread(
            subprocess.run, [*command, "--data", self._data], capture_output=True, text=True, timeout=60
        )

    async def said(self, *arguments: str) -> Any:
        """What a command that is obeyed prints."""
        done = await self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def files(self, policies: str, schema: str = SCHEMA) -> list[str]:
        """The arguments that name these texts."""
        (self._directory / "ours.cedar").write_text(policies)
        (self._directory / "ours.cedarschema").write_text(schema)
        return [str(self._directory / "ours.cedar"), "--schema", str(self._directory / "ours.cedarschema")]

    async def written(self, policies: str) -> int:
        """The version of these policies, told apart from those of other tests."""
        version: int = (await self.said("write", *self.files(f"// {uuid.uuid4()}\n{policies}")))["version"]
        return version

    async def decided(self, action: str, position: int = 0) -> list[tuple[bool, list[str]]]:
        """By each process, once it has applied a position."""
        check = pb.CheckRequest(
            subject=pb.Entity(type="client", id="printer"), action=action, resource=pb.Entity(type="paper", id="1")
        )
        metadata = (("watchword-position", f"policy={position}"),)
        answers = [await stub.Check(check, metadata=metadata) for stub in self.stubs]
        return [(one.allowed, list(one.policies)) for one in answers]


@pytest_asyncio.fixture
async def rules(suite: Running, tmp_path: Path) -> AsyncIterator[Rules]:
    async with AsyncExitStack() as stack:
        targets = [None, suite.second("policy").grpc]
        channels = [await stack.enter_async_context(suite.channel("policy", target=target)) for target in targets]
        rules = Rules(suite, tmp_path, [policy_pb2_grpc.PolicyServiceStub(channel) for channel in channels])
        before = (await rules.said("list"))["active"]
        yield rules
        await rules.said("activate", str(before))


async def test_what_is_activated_decides_in_both_processes_from_one_position_on(rules: Rules) -> None:
    version = await rules.written(READING)
    assert await rules.decided("paper.read") == [(False, []), (False, [])]
    position = (await rules.said("activate", str(version)))["position"]
    assert await rules.decided("paper.read", position) == [(True, ["reading"])] * 2
    assert (await rules.said("list"))["active"] == version
    assert (await rules.run("show")).stdout.partition("\n")[2] == READING
    assert f"Version {version} decides." in (await rules.run("list")).stdout


async def test_a_broken_policy_is_refused_with_its_place_and_the_old_ones_stay_in_force(rules: Rules) -> None:
    position = (await rules.said("activate", str(await rules.written(READING))))["position"]
    versions = len((await rules.said("list"))["versions"])
    broken = (
        READING + "\npermit (principal, action resource);\nforbid (principal, action, resource) when { context.foo };\n"
    )
    files = rules.files(broken)
    for command in ("check", "write"):
        done = await rules.run(command, *files)
        assert done.returncode == 1
        assert done.stdout == ""
        first, second = done.stderr.splitlines()
        assert first == f"{files[0]}:3:27: resource is not expected here: a , is missing before it"
        assert second.startswith(f"{files[0]}:4:53: attribute foo")
    said = json.loads((await rules.run("check", *files, "--json")).stdout)["problems"]
    assert [(one["line"], one["column"]) for one in said] == [(3, 27), (4, 53)]
    assert len((await rules.said("list"))["versions"]) == versions
    assert await rules.decided("paper.read", position) == [(True, ["reading"])] * 2


async def test_a_broken_policy_is_refused_by_the_service_too(suite: Running, rules: Rules) -> None:
    from watchword.policy.v1 import rules_pb2, rules_pb2_grpc

    async with suite.channel("policy") as channel:
        stub = rules_pb2_grpc.RulesServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.WriteRules(rules_pb2.WriteRulesRequest(policies="permit (principal);"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "policies, line 1, column 1:" in (refused.value.details() or "")


async def test_rolling_back_brings_the_one_before(rules: Rules) -> None:
    first, second = await rules.written(READING), await rules.written(SIGNING)
    for version in (first, second):
        position = (await rules.said("activate", str(version)))["position"]
    assert await rules.decided("paper.sign", position) == [(True, ["signing"])] * 2
    back = await rules.said("rollback")
    assert back["version"] == first
    assert await rules.decided("paper.sign", back["position"]) == [(False, [])] * 2


async def test_a_dry_run_shows_what_would_change_of_what_either_process_was_asked(rules: Rules) -> None:
    await rules.said("activate", str(await rules.written(READING)))
    signing = await rules.written(SIGNING)
    who = f"printer-{uuid.uuid4().hex[:8]}"
    for stub, number in zip(rules.stubs, ("1", "2"), strict=True):
        await stub.Check(
            pb.CheckRequest(
                subject=pb.Entity(type="client", id=who),
                action="paper.sign",
                resource=pb.Entity(type="paper", id=number),
            )
        )
    async with asyncio.timeout(30):  # what the other process was asked comes with its next flush
        while len(found := await changed(rules, signing, who)) < 2:
            await asyncio.sleep(0.5)
    assert {(one["resource"]["id"], one["before"]["code"], one["after"]["code"]) for one in found} == {
        ("1", "no_matching_role", "allowed"),
        ("2", "no_matching_role", "allowed"),
    }
    assert await rules.decided("paper.sign") == [(False, [])] * 2, "a dry run changes nothing"


async def changed(rules: Rules, version: int, who: str) -> list[Any]:
    said = await rules.said("dry-run", "--version", str(version))
    return [one for one in said["changes"] if one["subject"]["id"] == who]


async def test_a_policy_that_locks_everybody_out_is_rolled_back_by_the_operator(people: People, rules: Rules) -> None:
    bearer = (await people.administrator()).bearer
    locked = await rules.written('@id("nobody") forbid (principal, action, resource);\n')
    position = (await rules.said("activate", str(locked)))["position"]
    await rules.decided("paper.read", position)
    refused = await people.post("policy", "/v1/rules/rollback", headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    back = (await rules.said("rollback"))["position"]
    await rules.decided("paper.read", back)
    assert (await people.get("policy", "/v1/rules", headers=bearer)).status_code == 200


async def test_the_same_over_rest_for_administrators_alone(people: People, rules: Rules) -> None:
    bearer = (await people.administrator()).bearer
    before = (await rules.said("list"))["active"]
    texts = {"policies": f"// {uuid.uuid4()}\n{READING}", "schema": SCHEMA}
    written = (await people.post("policy", "/v1/rules", headers=bearer, **texts)).json()
    shown = (await people.get("policy", f"/v1/rules/versions/{written['version']}", headers=bearer)).json()
    assert (shown["policies"], shown["schema"]) == (texts["policies"], SCHEMA)
    tried = await people.post("policy", "/v1/rules/dry-run", headers=bearer, version=written["version"])
    assert tried.status_code == 200, tried.text
    active = await people.post("policy", f"/v1/rules/versions/{written['version']}/activate", headers=bearer)
    assert active.json()["version"] == written["version"]
    assert await rules.decided("paper.read", active.json()["position"]) == [(True, ["reading"])] * 2
    back = (await people.post("policy", "/v1/rules/rollback", headers=bearer)).json()
    assert back["version"] == before
    await rules.decided("paper.read", back["position"])
    assert (await people.get("policy", "/v1/rules", headers=bearer)).json()["active"] == before
    broken = await people.post("policy", "/v1/rules", headers=bearer, policies="permit (principal, action resource);")
    assert (broken.status_code, broken.json()["code"]) == (400, "policy_invalid")
    assert broken.json()["errors"][0]["at"] == "policies:1:27"
    nobody = (await people.login(await people.register())).bearer
    for path, said in (
        ("", texts),
        ("/check", texts),
        ("/dry-run", {"version": 0}),
        ("/versions/0/activate", {}),
        ("/rollback", {}),
    ):
        answer = await people.post("policy", f"/v1/rules{path}", headers=nobody, **said)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
