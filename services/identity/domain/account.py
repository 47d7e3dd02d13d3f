"""Accounts and their names: who exists, who is disabled, and from which position on sessions are over."""

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.identity.domain.events import (
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    AccountRevoked,
    AccountSignedOut,
    CredentialChanged,
    CredentialRehashed,
    UsernameClaimed,
)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `since` is the position of the last change of `disabled`, or of its registration.

    Sessions that started below `cutoff` (identity's log) are over, but for `spared`; so are those that had not seen
    `revoked` (token's log). `credential` is the position since which the password is what it is, whatever its hash.
    """

    id: str = ""
    username: str = ""
    email: str | None = None
    password_hash: str = ""
    credential: int = 0
    disabled: bool = False
    since: int = 0
    cutoff: int = 0
    spared: str | None = None
    revoked: int = 0


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A username's stream: whose it is; nobody's where `account_id` is empty."""

    account_id: str = ""


def evolve_account(state: Account, event: Event, row: Recorded) -> Account:
    """What an event makes of an account."""
    replace = msgspec.structs.replace
    at = row.position
    match event:
        case AccountRegistered():
            return Account(
                id=event.account_id,
                username=event.username or "",
                email=event.email,
                password_hash=event.password_hash or "",
                credential=at,
                since=at,
            )
        case AccountDisabled():
            return replace(state, disabled=True, since=at, cutoff=at, spared=None)
        case AccountEnabled():
            return replace(state, disabled=False, since=at)
        case AccountSignedOut():
            return replace(state, cutoff=at, spared=None)
        case AccountRevoked():
            return replace(state, revoked=max(state.revoked, event.token_position))
        case CredentialChanged():
            changed = replace(state, password_hash=event.password_hash or "", credential=at)
            return replace(changed, cutoff=at, spared=event.spared_session_id)
        case CredentialRehashed():
            return replace(state, password_hash=event.password_hash or "")
        case _:
            return state


def evolve_name(state: Name, event: Event, row: Recorded) -> Name:
    """What an event makes of a name."""
    return Name(account_id=event.account_id) if isinstance(event, UsernameClaimed) else state


ACCOUNT = Fold("account", Account(), evolve_account)
NAME = Fold("username", Name(), evolve_name)


def claim(name: Name, account_id: str) -> list[Event]:
    """Takes a name that nobody has. Raises Refusal `account_exists`."""
    if name.account_id:
        raise Refusal(Kind.CONFLICT, "account_exists", "this username is taken")
    return [UsernameClaimed(account_id=account_id)]


def known(account: Account) -> Account:
    """The account, if there is one. Raises Refusal `account_unknown`."""
    if not account.id:
        raise Refusal(Kind.NOT_FOUND, "account_unknown", "there is no such account")
    return account


def disable(account: Account, reason: str) -> list[Event]:
    """Nothing where it is disabled already. Raises Refusal `account_unknown`."""
    return [] if known(account).disabled else [AccountDisabled(account_id=account.id, reason=reason)]


def enable(account: Account, reason: str) -> list[Event]:
    """Nothing where it is not disabled. Raises Refusal `account_unknown`."""
    return [AccountEnabled(account_id=account.id, reason=reason)] if known(account).disabled else []


def revoke(account: Account, token_position: int) -> list[Event]:
    """Takes over a revocation that was made at token; nothing where it, or a later one, is known already."""
    if not account.id or token_position <= account.revoked:
        return []
    return [AccountRevoked(account_id=account.id, token_position=token_position)]


def may_sign_in(account: Account, verified: Account) -> None:
    """The password that was verified is still the account's, and the account is not disabled.

    Raises Refusal `invalid_credentials`: the same answer as to a wrong password.
    """
    if not account.id or account.disabled or account.credential != verified.credential:
        raise invalid_credentials()


def rehash(account: Account, verified: Account, rehashed: str | None) -> list[Event]:
    """Keeps the verified password's hash at today's cost, if it was made at another and nobody did so meanwhile."""
    if rehashed is None or account.password_hash != verified.password_hash:
        return []
    return [CredentialRehashed(account_id=account.id, password_hash=rehashed)]


def invalid_credentials() -> Refusal:
    """The one answer to an unknown name, a wrong password and a disabled account."""
    return Refusal(Kind.UNAUTHENTICATED, "invalid_credentials", "username or password is wrong")
