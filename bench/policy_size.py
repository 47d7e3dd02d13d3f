"""What a model of policy costs by its size, in a process of its own: `python -m bench.policy_size 1000 policy`.

It prints a line of JSON, as Told. No service and no database is in it.
"""

import ctypes
import gc
import itertools
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import cedarpy
import msgspec

from bench.casbin_model import enforcer
from bench.machine import resident
from bench.policy_model import Asked, Size, facts, questions
from eventlog.projection import Put
from services.policy.domain.asked import ask
from services.policy.domain.case import gather
from services.policy.domain.decision import decide
from services.policy.domain.entities import Entity, Question
from services.policy.domain.facts import stream_of
from services.policy.domain.rules import engine, shipped
from services.policy.domain.spelled import read
from services.policy.model import Model, row_key
from services.policy.testfiles.world import Told as World

QUESTIONS = 4000
SECONDS = 2.0
"""How long it is asked at least, after each question was asked once; casbin at most."""


class Told(msgspec.Struct, kw_only=True):
    """Facts; CPU seconds to load them from rows; MiB that they take, and MiB at most while they were loaded; CPU
    microseconds of a decision."""

    facts: int
    load: float
    held: float = 0.0
    peak: float = 0.0
    decision: float


def main() -> None:
    """Measures one size."""
    size, what = Size.of(int(sys.argv[1])), sys.argv[2]
    told = {"policy": _policy, "casbin": _casbin, "cedarpy": _cedarpy}[what](size)
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def _policy(size: Size) -> Told:
    before = resident(os.getpid())
    model, count, load = _loaded(size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    _trim()
    held = resident(os.getpid()) - before
    world = World(None, {}, model)
    asked = [_question(one) for one in questions(size, QUESTIONS)]
    rules = engine.Rules.of()
    cost = _cost([partial(decide, one, world, rules, 0) for one in asked])
    return Told(facts=count, load=load, held=held, peak=peak, decision=cost)


def _loaded(size: Size) -> tuple[Model, int, float]:
    rows = []
    for said in facts(size):
        fact = read(said)
        rows.append(Put("fact", row_key(fact), msgspec.to_builtins(fact), belongs=stream_of(fact)))
    model, spent = Model(), time.process_time()
    model.reset(rows)
    return model, len(rows), time.process_time() - spent


def _casbin(size: Size) -> Told:
    told, spent = list(facts(size)), time.process_time()
    other = enforcer(told)
    load = time.process_time() - spent
    asked = questions(size, QUESTIONS)
    cost = _cost([partial(other.enforce, *one) for one in asked], warm=False)
    return Told(facts=len(told), load=load, decision=cost)


def _cedarpy(size: Size) -> Told:
    """The shipped policies on slices that were cut and encoded before."""
    model, count, load = _loaded(size)
    world, policies = World(None, {}, model), cedarpy.PolicySet.from_str(shipped.POLICIES)
    calls = [_call(world, policies, _question(one)) for one in questions(size, QUESTIONS)]
    return Told(facts=count, load=load, decision=_cost(calls))


def _call(world: World, policies: cedarpy.PolicySet, question: Question) -> Callable[[], object]:
    asked = ask(gather(question, world, 0), None, 0)
    names = {"principal": asked.principal, "action": ("Action", asked.action), "resource": asked.resource}
    request = {what: {"type": type_, "id": id_} for what, (type_, id_) in names.items()}
    request["context"] = msgspec.json.encode(asked.context).decode()  # type: ignore[assignment]
    entities = msgspec.json.encode(asked.entities).decode()
    return lambda: cedarpy.is_authorized(request, policies, entities)


def _question(one: Asked) -> Question:
    who, action, what = one
    return Question(Entity.of(who), action, Entity.of(what))


def _cost(calls: Sequence[Callable[[], object]], warm: bool = True) -> float:
    """CPU microseconds of one, over some seconds."""
    for call in calls if warm else ():
        call()
    spent, number = time.process_time(), 0
    for number, call in enumerate(itertools.cycle(calls), 1):
        call()
        if number % 16 == 0 and time.process_time() > spent + SECONDS:
            break
    return 1e6 * (time.process_time() - spent) / number


def _trim() -> None:
    """What was freed goes back to the system, where the C library knows how."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    main()
