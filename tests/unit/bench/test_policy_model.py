"""What policy is measured by: the model is whole, and casbin is told what it can be told of it."""

from bench.casbin_model import enforcer
from bench.policy_model import Size, facts, questions, subject
from tests.harness.policy_reference import Asked, decided

SIZE = Size(subjects=60, resources=150, assignments=120)
TOLD = ("role", "group", "membership", "assignment", "parent")


def test_each_fact_of_the_model_names_only_what_was_written_before_it() -> None:
    there: set[str] = set()
    for fact in facts(SIZE):
        names = {f"role/{one}" for one in (*fact.get("inherits", ()), *fact.get("roles", ()))}
        names |= {f"role/{fact['role']}"} if "role" in fact else set()
        names |= {f"group/{fact['group']}"} if "group" in fact else set()
        names |= {one for one in (fact.get("holder"), fact.get("member")) if one and one.startswith("group/")}
        names |= {f"{fact['resource']}/{fact['under']}"} if "under" in fact else set()
        assert names <= there, fact
        kind = fact["kind"]
        there |= {f"{kind}/{fact.get('name', fact.get('id'))}", f"{fact.get('resource')}/{fact.get('id')}"}


def test_the_model_is_the_same_each_time() -> None:
    assert list(facts(SIZE)) == list(facts(SIZE))
    assert questions(SIZE, 40) == questions(SIZE, 40)


def test_questions_meet_every_answer_that_the_model_has() -> None:
    told = list(facts(SIZE))
    people = {subject(number).partition("/")[2]: False for number in range(SIZE.subjects)}
    codes = {decided(told, people, Asked(*one), 0)[1] for one in questions(SIZE, 200)}
    assert codes == {"allowed", "label_forbids", "no_matching_role"}


def test_casbin_decides_as_the_reference_does_where_it_is_told_all() -> None:
    told = [one for one in facts(SIZE) if one["kind"] in TOLD]
    people = {subject(number).partition("/")[2]: False for number in range(SIZE.subjects)}
    other = enforcer(told)
    asked = questions(SIZE, 200)
    answers = [other.enforce(*one) for one in asked]
    assert answers == [decided(told, people, Asked(*one), 0)[0] for one in asked]
    assert set(answers) == {True, False}
