"""By what names clients know people and their sessions (OpenID Connect Core 8)."""

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from watchword.compact import decode_base64url
from watchword.signed import base64url

ACCOUNT = "acc_"
"""What account ids begin with, and no client's id does: by either name a subject is known for a person."""
NOBODY = "-"
"""No account's id."""
LONGEST_ID = 40
"""Characters: an account's id has fewer, and the name of one has more."""
_SUB, _SID = b"sub", b"sid"
# Making a cipher costs more than using it.
_cipher = lru_cache(maxsize=4)(AESSIV)


class Names:
    """What a client calls people and sessions: their ids, or names that its `sector` alone has.

    A name is made and opened by the same `key` of 32 bytes (AES-SIV, RFC 5297): the same each time, of another sector
    another, and nothing that anybody without the key could tell from chance, or make.
    """

    def __init__(self, sector: str = "", key: bytes = b"") -> None:
        self.sector = sector
        self._key = key

    def subject(self, account_id: str) -> str:
        return ACCOUNT + self._sealed(_SUB, account_id) if self.sector else account_id

    def session(self, session_id: str) -> str:
        """An empty text stays one."""
        return self._sealed(_SID, session_id) if self.sector and session_id else session_id

    def account_of(self, subject: str) -> str | None:
        """The account that has this name here; None where none has."""
        if not self.sector:
            return subject
        return self._opened(_SUB, subject.removeprefix(ACCOUNT)) if subject.startswith(ACCOUNT) else None

    def whom(self, subject: str) -> str:
        """The account that a client names; NOBODY where none has that name here, and empty where it names none."""
        return subject and (self.account_of(subject) or NOBODY)

    def session_of(self, session: str) -> str | None:
        """The session that has this name here; None where none has."""
        return self._opened(_SID, session) if self.sector and session else session

    def _sealed(self, kind: bytes, named: str) -> str:
        return base64url(_cipher(self._key).encrypt(named.encode(), [kind, self.sector.encode()]))

    def _opened(self, kind: bytes, name: str) -> str | None:
        try:
            return _cipher(self._key).decrypt(decode_base64url(name), [kind, self.sector.encode()]).decode()
        except (InvalidTag, ValueError):
            return None


PLAIN = Names()
"""Those of a public client."""
