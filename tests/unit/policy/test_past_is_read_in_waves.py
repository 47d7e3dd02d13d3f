"""A question about the past waits for its tables a few times, however many roles and groups it comes to."""

from collections.abc import Sequence
from dataclasses import replace

from eventlog.projection import Put
from services.policy.queries import Moment
from tests.harness.policy_models import NOW_US
from tests.harness.policy_reference import Asked, Fact
from tests.unit.policy.told import Told, told
from tests.unit.policy.world import MemoryTable


class Counted(MemoryTable):
    """Counts how often it is asked."""

    asked = 0

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]:
        """See MemoryTable."""
        self.asked += 1
        return await super().groups(kind, belong)


async def test_a_question_about_the_past_waits_a_few_times_whatever_the_number_of_roles() -> None:
    facts: list[Fact] = [{"kind": "group", "id": "staff"}]
    facts += [{"kind": "membership", "member": "account/acc_1", "group": "staff"}]
    for number in range(30):
        facts.append({"kind": "role", "name": f"r{number}", "actions": [f"document.a{number}"]})
        facts.append({"kind": "assignment", "holder": "group/staff", "role": f"r{number}"})
    service = Told.of([])
    await told(service, facts)
    service.past = table = Counted(service.policy)
    await service.settle()
    decisions = replace(service.decisions, past=replace(service.decisions.past, facts=table))
    found = await decisions.answers(
        [service.question(Asked("account/acc_1", "document.a7", "document/1"))], Moment(NOW_US)
    )
    assert [one.code for one in found] == ["allowed"]
    assert table.asked <= 5
