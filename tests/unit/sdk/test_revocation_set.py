"""The set of revocations against a list that is read from end to end (RULES 7)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from watchword import Claims, Revocation, Revocations
from watchword.claims import Prior
from watchword.revocations import KINDS

NAMES = st.sampled_from(["a", "b"])
POSITIONS = st.integers(1, 6)
REVOCATIONS = st.builds(
    lambda kind, key, position, forget_at, before, spared: Revocation(
        kind,
        key,
        position,
        0,
        forget_at,
        before if kind == "subject" else None,
        spared if kind == "subject" and before is not None else None,
    ),
    st.sampled_from(KINDS),
    NAMES,
    POSITIONS,
    st.integers(0, 20),
    st.none() | POSITIONS,
    st.none() | NAMES,
)


def token(
    pos: int,
    spos: int | None = None,
    name: str = "a",
    sid: str | None = None,
    fam: str | None = None,
    sub: str = "a",
    prior: tuple[Prior, ...] = (),
) -> Claims:
    return Claims(
        iss="i",
        sub=sub,
        aud=("x",),
        exp=1,
        iat=0,
        jti=name,
        client_id=name,
        scope=frozenset(),
        pos=pos,
        kid=name,
        sid=sid,
        spos=spos,
        fam=fam,
        prior=prior,
    )


PRIOR = st.lists(st.builds(Prior, NAMES, NAMES, NAMES), max_size=2).map(tuple)
TOKENS = st.builds(token, POSITIONS, st.none() | POSITIONS, NAMES, st.none() | NAMES, st.none() | NAMES, NAMES, PRIOR)


def ends(revocation: Revocation, claims: Claims) -> bool:
    """RULES 7, word by word."""
    every: dict[str, set[str | None]] = {
        "token": {claims.jti, *(one.jti for one in claims.prior)},
        "family": {claims.fam},
        "session": {claims.sid},
        "client": {claims.client_id, *(one.client_id for one in claims.prior)},
        "subject": {claims.sub},
        "key": {claims.kid, *(one.kid for one in claims.prior)},
    }
    if revocation.key not in every[revocation.kind]:
        return False
    if revocation.kind == "key":
        return True
    if not claims.pos < revocation.position:
        return False
    if revocation.before_session_position is None:
        return True
    spos = 0 if claims.spos is None else claims.spos
    return spos < revocation.before_session_position and (
        claims.sid is None or claims.sid != revocation.spared_session_id
    )


@given(st.lists(REVOCATIONS, max_size=12), TOKENS)
def test_the_set_refuses_exactly_what_some_revocation_ends(applied: list[Revocation], claims: Claims) -> None:
    revocations = Revocations(applied)
    assert (revocations.refuses(claims) is not None) == any(ends(one, claims) for one in applied)


OF_ONE_SUBJECT = st.builds(
    lambda position, forget_at, before, spared: Revocation(
        "subject", "a", position, 0, forget_at, before, spared if before else None
    ),
    st.integers(1, 4),
    st.integers(0, 4),
    st.none() | st.integers(1, 4),
    st.none() | NAMES,
)
ITS_TOKENS = st.builds(token, st.integers(0, 4), st.none() | st.integers(0, 4), sid=st.none() | NAMES)


@settings(max_examples=1000)
@given(st.lists(OF_ONE_SUBJECT, max_size=5), st.integers(0, 4), ITS_TOKENS)
def test_several_revocations_of_one_subject_live_side_by_side(
    applied: list[Revocation], now: int, claims: Claims
) -> None:
    revocations = Revocations(applied)
    assert (revocations.refuses(claims) is not None) == any(ends(one, claims) for one in applied)
    revocations.forget(now)
    if any(ends(one, claims) for one in applied if one.forget_at_us >= now):
        assert revocations.refuses(claims) == "subject"


@given(st.lists(REVOCATIONS, max_size=12), st.integers(0, 25), TOKENS)
def test_nothing_is_forgotten_before_its_time_and_all_but_keys_after(
    applied: list[Revocation], now: int, claims: Claims
) -> None:
    revocations = Revocations(applied)
    revocations.forget(now)
    still = [one for one in applied if one.forget_at_us >= now or one.kind == "key"]
    if any(ends(one, claims) for one in still):
        assert revocations.refuses(claims) is not None
    revocations.forget(21)
    assert {one.kind for one in revocations} <= {"key"}
    assert len(revocations) == len({one.key for one in applied if one.kind == "key"})


@given(st.lists(REVOCATIONS, max_size=12))
def test_a_snapshot_of_the_set_is_as_good_as_the_set(applied: list[Revocation]) -> None:
    revocations = Revocations(applied)
    assert set(Revocations(revocations)) == set(revocations)
    assert len(revocations) == len(list(revocations)) <= len(applied)


@given(st.lists(REVOCATIONS, max_size=8), st.lists(REVOCATIONS, max_size=8), TOKENS)
def test_a_new_snapshot_takes_the_place_of_all_but_compromised_keys(
    before: list[Revocation], snapshot: list[Revocation], claims: Claims
) -> None:
    revocations = Revocations(before)
    revocations.replace(Revocations(snapshot))
    expected = [*snapshot, *(one for one in before if one.kind == "key")]
    assert (revocations.refuses(claims) is not None) == any(ends(one, claims) for one in expected)
    assert len(revocations) == len(list(revocations))


def test_repeated_revocation_of_one_name_does_not_grow_the_set() -> None:
    revocations = Revocations()
    for position in range(1, 1000):
        revocations.apply(Revocation("session", "a", position, 0, position))
        revocations.apply(Revocation("subject", "a", position, 0, position, position, "ses_1"))
    assert len(revocations) == 2


def test_a_password_change_spares_the_session_that_made_it_and_a_login_overtaken_by_it_gives_nothing() -> None:
    revocations = Revocations(
        [Revocation("subject", "a", 10, 0, 1, before_session_position=5, spared_session_id="mine")]
    )
    assert revocations.refuses(token(9, spos=4, sid="other")) == "subject"
    assert revocations.refuses(token(9, spos=4, sid="mine")) is None
    assert revocations.refuses(token(9, spos=5, sid="later")) is None
    assert revocations.refuses(token(10, spos=4, sid="other")) is None
    assert revocations.refuses(token(9)) == "subject"
