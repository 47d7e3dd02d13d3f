"""A wrong policy is refused with the line, the column and what to do. `‸` stands before each place in these texts."""

import pytest

from services.policy.domain.rules.check import MAX_BYTES, MAX_POLICIES, MAX_PROBLEMS, problems
from services.policy.domain.rules.text import POLICIES, SCHEMA
from tests.unit.policy.rules.asking import DOCUMENTS

HEAD = "permit (principal, action, resource)"


def places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without the marks, and where they stood."""
    found = []
    while "‸" in text:
        before, after = text.split("‸", 1)
        found.append((before.count("\n") + 1, len(before) - before.rfind("\n")))
        text = before + after
    return text, found


def check_policies(marked: str, *said: str) -> None:
    text, expected = places(marked)
    found = problems(text, DOCUMENTS)
    assert [(one.part, one.line, one.column) for one in found] == [(POLICIES, *place) for place in expected], found
    for one, part in zip(found, said, strict=True):
        assert part in f"{one.what}: {one.advice}"


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("permit (principal, action ‸resource);", "a , is missing"),
        ("permit (principal, action, resource ‸when { true };", "a ) is missing"),
        ('@id("x" ‸permit (principal, action, resource);', "a ) is missing"),
        (f"{HEAD};‸;", "; is not expected here"),
        (f"{HEAD}‸", "it ends with ;"),
        (f"{HEAD}\n  // but\n  when {{ context.now == ‸}};", "} is not expected here"),
        (f'{HEAD} when {{ ‸"abc }}; permit(x);', "does not end"),
        (f"‸€{HEAD};", "has no meaning"),
        (f"‸/* no */ {HEAD};", "/ is not expected here"),
        (f"{HEAD} ‸unlss {{ true }};", "unlss"),
        ("‸allow (principal, action, resource);", "allow"),
        (f"{HEAD} when {{ context has acr && ‸role == 1 }};", "invalid variable: role"),
        (f"{HEAD} when {{\n\tcontext.role == 1 ||\n\t\t‸role }};", "invalid variable: role"),
        (f"{HEAD} when {{ context.acr.‸startsWith(1) }};", "not a valid method"),
        (f"{HEAD} when {{ ‸now() > 1 }};", "not a valid function"),
        (f"{HEAD} when {{ true && ‸context.now / 2 == 1 }};", "division"),
        (f"{HEAD} when {{ context.now == ‸99999999999999999999 }};", "too large"),
        (f'{HEAD} when {{ "a" == ‸"\\q" }};', "escape"),
        ("permit (principal == ‸?principal, action, resource);", "templates"),
        (f"{HEAD} when {{ {'(' * 31}‸(true{')' * 32} }};", "too deeply"),
        (f"{HEAD} when {{ {'true && ' * 398}true ‸&& true }};", "too long"),
    ],
)
def test_what_the_grammar_refuses_is_shown_where_it_stands(marked: str, said: str) -> None:
    check_policies(marked, said)


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ('permit (principal, action == ‸Action::"document.raed", resource);', "did you mean document.read?"),
        ('permit (principal == ‸acount::"x", action, resource);', "did you mean account?"),
        ('permit (principal, action, resource == ‸zebra::"x");', "declare it in the schema"),
        (f"{HEAD} when {{ context has acr && context.‸foo == context.acr }};", "attribute foo"),
        (f'{HEAD} when {{ context.‸acr == "mfa" }};', "context has acr &&"),
        (f"{HEAD} when {{\n  context has acr &&\n  (‸context.acr == 3 || true) }};", "not compatible"),
        (f'{HEAD} when {{ context.now > 5 }} unless {{ ‸1 + "a" == 2 }};', "expected Long but saw String"),
        (f"{HEAD} when {{ resource.‸colour == context }};", "attribute colour"),
        (f"{HEAD} when {{ ‸[] == context.roles }};", "isEmpty"),
        ('@id("a") ‸permit (principal is group, action, resource);', "no action of the schema"),
        ('‸permit (principal, action == Action::"document.read", resource is suite);', "no action of the schema"),
        (f"‸{HEAD} when {{ false }};", "never applies"),
        ("‸forbid (principal is account, action, resource) when { principal is client };", "never applies"),
        ('‸permit (principal, action, resource in document::"7") unless { resource is document };', "never applies"),
    ],
)
def test_what_the_schema_does_not_know_is_shown_where_it_stands(marked: str, said: str) -> None:
    check_policies(marked, said)


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        (f'@id("x") {HEAD};\n‸@id("x") {HEAD};', "another policy has the id x"),
        (f'‸@id("no-read-up") {HEAD};', "shipped policy"),
        (f"‸@id {HEAD};", "is no id"),
        (f'‸@id(" x") {HEAD};', "is no id"),
        (f'@id("policy-2") {HEAD};\n‸{HEAD};', "another policy has the id policy-2"),
    ],
)
def test_every_policy_has_a_name_of_its_own(marked: str, said: str) -> None:
    check_policies(marked, said)


def test_all_that_is_wrong_is_said_not_only_the_first() -> None:
    check_policies(
        f"permit (principal ‸action, resource);\n"
        f"{HEAD} when {{ ‸foo && ‸bar && context.x.‸baz(1) }};\n"
        f"{HEAD} when {{ context.‸one && context.‸two }};\n"
        f"{HEAD};",
        "a , is missing", "foo", "bar", "baz", "attribute one", "attribute two",
    )  # fmt: skip


def test_columns_count_characters() -> None:
    check_policies(f'@id("x") @description("ä€🔑")\r\n{HEAD} when {{ "🔑" == ‸key }};', "key")


def check_schema(marked: str, *said: str) -> None:
    text, expected = places(marked)
    found = problems("", text)
    assert [(one.part, one.line, one.column) for one in found] == [(SCHEMA, *place) for place in expected], found
    for one, part in zip(found, said, strict=True):
        assert part in f"{one.what}: {one.advice}"


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("entity document in [‸folder];", "there is no type folder: declare it: entity folder;"),
        ("entity a;\nentity ‸account;", "declared twice"),
        ("entity a;\n\nentity b, ‸a;", "declared twice"),
        ("entity document‸", "it ends with ;"),
        ('entity ‸"document";', "is not expected here"),
        ("// é is fine here\nentity ‸é;", "has no meaning"),
        ("type ‸T = T;", "cycle"),
        ("entity ‸Document;", "lowercase"),
        ("entity document ‸{ owner: String };", "context.given"),
        ("entity document ‸tags String;", "context.given"),
        ("‸namespace mine { entity document; }", "no namespaces"),
        ('action "b.a" in ["b.*"]; action "b.*" in ["*"]; action ‸"c";', 'say in ["*"]'),
        ('action "d.*" in ["*"]; action ‸"d.e" in ["*"];', 'say in ["d.*"]'),
        ('action "a"in ["*"]; action "b" in ["*", ‸"a"];', "by its name alone"),
        ('action ‸"a b" in ["*"];', "is no action"),
        ('action "d.*" in ["*"] ‸appliesTo { principal: account, resource: suite, context: Asked };', "nobody asks"),
        (
            'action "d" in ["*"] appliesTo { principal: [account, ‸group], resource: suite, context: Asked };',
            "only account",
        ),
        ('action "d" in ["*"] appliesTo { principal: account, resource: suite, context: ‸{} };', "say context: Asked"),
        ('action "d" in ["*"] ‸appliesTo { principal: account, resource: suite };', "say context: Asked"),
    ],
)
def test_what_is_wrong_in_a_schema_is_shown_where_it_stands(marked: str, said: str) -> None:
    check_schema(marked, said)


def test_all_that_a_schema_lacks_is_said() -> None:
    check_schema(
        'entity document in [‸folder];\nentity page in [‸book];\naction "read" in ["*", ‸"reading"];',
        "folder", "book", "reading",
    )  # fmt: skip


def test_policies_are_not_judged_by_a_schema_that_is_wrong() -> None:
    found = problems(
        'permit (principal, action == Action::"document.read", resource);\npermit (x);', "entity document in [x];"
    )
    assert [(one.part, one.line) for one in found] == [(SCHEMA, 1), (POLICIES, 2)]


def test_texts_have_limits() -> None:
    assert "bytes" in problems("/" * (MAX_BYTES + 1), "")[0].what
    assert "bytes" in problems("ä" * (MAX_BYTES // 2 + 1), "")[0].what
    assert "policies" in problems(";" * (MAX_POLICIES + 1), "")[0].what
    assert "bytes" in problems("", "/" * MAX_BYTES)[0].what
    assert len(problems(";" * MAX_POLICIES, "")) == MAX_PROBLEMS


@pytest.mark.parametrize(
    "nested", ["(" * 50_000, "[" * 50_000, "true && " * 30_000, "if true then " * 20_000, "a::" * 50_000]
)
def test_a_text_that_is_nested_without_end_ends_no_process(nested: str) -> None:
    assert problems(f"{HEAD} when {{ {nested}", "")
    assert problems(f"{HEAD} when {{ {nested} true }};", "")


def test_what_is_right_has_no_problem() -> None:
    text = """
    // comments, and strings with "; in them"
    @id("office hours") @description("; } { // no comment")
    forbid (principal is account in group::"interns", action in [Action::"document.*"], resource in folder::"7")
    when { context has acr && context.acr like "*;*" };
    """
    assert problems(text, DOCUMENTS) == []
    assert problems("", "") == []
    assert problems("// nothing yet", "// nothing either") == []
