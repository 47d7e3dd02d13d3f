"""What of a model of policy casbin can be told: roles and what they inherit, who holds them where, groups, hierarchies.

It is told nothing of owners, shares, labels, exclusions and ends, so that it has less to decide than policy has.
"""

from collections.abc import Iterable, Iterator

import casbin

from bench.policy_model import Fact

MODEL = """
[request_definition]
r = sub, act, obj
[policy_definition]
p = sub, role, obj
[role_definition]
g = _, _
g2 = _, _
g3 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && (p.obj == "*" || g2(r.obj, p.obj)) && g3(r.act, p.role)
"""
"""`g`: who is in which group; `g2`: what lies in what; `g3`: which action belongs to which role, and role to role."""


def enforcer(facts: Iterable[Fact]) -> casbin.Enforcer:
    """Told all of them at once; it decides on (subject, action, resource). Actions must be spelled out, without `*`."""
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    found = casbin.Enforcer(model)
    told = list(facts)
    found.add_policies(
        [[one["holder"], one["role"], one.get("resource", "*")] for one in told if _is(one, "assignment")]
    )
    found.add_named_grouping_policies(
        "g", [[one["member"], f"group/{one['group']}"] for one in told if _is(one, "membership")]
    )
    found.add_named_grouping_policies("g2", [[one["resource"], one["parent"]] for one in told if _is(one, "parent")])
    found.add_named_grouping_policies("g3", list(_belonging(one for one in told if _is(one, "role"))))
    return found


def _is(fact: Fact, kind: str) -> bool:
    return bool(fact["kind"] == kind)


def _belonging(roles: Iterable[Fact]) -> Iterator[list[str]]:
    for role in roles:
        yield from ([what, role["name"]] for what in (*role["actions"], *role.get("inherits", ())))
