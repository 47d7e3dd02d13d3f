"""What an application may learn of a person (OpenID Connect Core 5.1, 5.4)."""

from collections.abc import Collection
from typing import Any

from services.identity.domain.account import Account

BY_SCOPE = {"profile": ("preferred_username",), "email": ("email", "email_verified")}


def profile(account: Account, scopes: Collection[str], asked: Collection[str]) -> dict[str, Any]:
    """The claims that go with the scopes, and those asked for by name: of what is known, and nothing empty."""
    wanted = {name for scope, names in BY_SCOPE.items() if scope in scopes for name in names} | set(asked)
    known: dict[str, Any] = {"preferred_username": account.username}
    if account.email:
        # Nobody has proved yet that it is theirs.
        known |= {"email": account.email, "email_verified": False}
    return {"sub": account.id} | {name: value for name, value in known.items() if name in wanted}
