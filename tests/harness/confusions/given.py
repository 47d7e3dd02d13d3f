"""What whoever makes a confusion has, and how a token is made of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.forging import Forge


@dataclass(frozen=True)
class Given:
    """What a forger has: good claims, keys by algorithm, the published set by kid, and the kid of a refresh key."""

    claims: dict[str, Any]
    keys: Mapping[str, Forge]
    public: Mapping[str, dict[str, Any]]
    refresh_kid: str

    @property
    def key(self) -> Forge:
        return self.keys["ES256"]

    @property
    def payload(self) -> bytes:
        return json.dumps(self.claims).encode()

    def good(self, key: str = "ES256", **header: Any) -> str:
        return self.keys[key].token(self.claims, **header)

    def said(self, **changes: Any) -> str:
        """A token whose claims are changed."""
        return self.key.token(self.claims | changes)

    def raw(self, payload: bytes) -> str:
        """A token of any payload."""
        return self.key.raw(json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": self.key.kid}).encode(), payload)

    def number(self, name: str, literal: str) -> str:
        """A token in which a claim stands as a literal that json would not write."""
        return self.raw(json.dumps(self.claims | {name: "@"}).replace('"@"', literal).encode())


Confusion = Callable[[Given], str]


def header_of(given: Given, text: str) -> str:
    """A header as it stands, with the kid for `@`."""
    return given.key.raw(text.replace("@", given.key.kid).encode(), given.payload)
