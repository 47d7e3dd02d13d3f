"""What people and applications did: accounts, logins, refreshes, log-outs, thefts, roles; the same for the same seed.

Events refer to each other as the services' own would: a session knows where it stands in identity's log and how far
identity had read token's; a family hangs from its session; what ended at identity has ended at token.
"""

import base64
import hashlib
import hmac
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bench.growth.pen import Act, Pen
from eventlog.projection import reaction_id
from services.identity.domain import events as identity
from services.policy.domain.events import RoleAssigned, RoleDefined
from services.token.domain import events as token
from services.token.domain.family import LIFE

ACR, AMR = "urn:watchword:acr:password", ["pwd"]
SECOND = 1_000_000
ROTATIONS = 3.5
"""Refreshes for each login, on average."""
ALWAYS_ON = 100
"""Families that are refreshed again and again: a tenth of all refreshes."""
ENDED, STOLEN, TO_MACHINES, WITH_ROLE = 0.2, 0.002, 0.1, 0.02
RECENT = 50_000
ROLE = "customer"


@dataclass(frozen=True, slots=True)
class Known:
    """What a suite has before its history: its app, its machine, its keys and its issuer; a password's hash."""

    app: str
    machine: str
    refresh_key: str
    names_key: bytes
    issuer: str
    scope: str
    password_hash: str


@dataclass(slots=True)
class Lineage:
    """A family as it stands."""

    id: str
    subject: str
    session_id: str
    version: int = 2
    generation: int = 1
    ended: bool = False


def name_of(what: str, number: int, size: int = 16) -> str:
    """An id such as the services make, of 16 or 12 bytes; the same for the same number."""
    made = hashlib.blake2b(f"{what}/{number}".encode(), digest_size=size).digest()
    return f"{what}_{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def username(number: int) -> str:
    return f"grown-{number}"


@dataclass
class History:
    """Writes a step an account: it registers, logs in, and others refresh, log out or are robbed meanwhile."""

    identity: Pen
    token: Pen
    policy: Pen
    known: Known
    random: random.Random
    accounts: int = 0
    tokens: int = 0
    commands: int = 0
    always_on: list[Lineage] = field(default_factory=list)
    recent: deque[Lineage] = field(default_factory=lambda: deque(maxlen=RECENT))

    @property
    def events(self) -> int:
        return self.identity.position + self.token.position + self.policy.position

    def begin(self, time: int) -> None:
        """What the steps rely on."""
        defined = RoleDefined(role=ROLE, actions=["shop.buy"], description="Buys.")
        self.policy.write(self._act(time, "operator/admin"), f"role/{ROLE}", 1, defined)

    def step(self, time: int) -> None:
        """About ten events at `time`."""
        self.accounts += 1
        account_id = name_of("acc", self.accounts)
        self._register(time, account_id)
        self._log_in(time, account_id)
        whole, rest = divmod(ROTATIONS, 1)
        for _ in range(int(whole) + (self.random.random() < rest)):
            self._refresh(time)
        if self.random.random() < ENDED:
            self._log_out(time)
        if self.random.random() < STOLEN:
            self._rob(time)
        if self.random.random() < TO_MACHINES:
            self._give_machine(time)
        if self.random.random() < WITH_ROLE:
            self._give_role(time, account_id)

    def _act(self, time: int, actor: str, command_id: str | None = None) -> Act:
        self.commands += 1
        return Act(time, actor, command_id or f"{self.commands:032x}")

    def _register(self, time: int, account_id: str) -> None:
        act, name = self._act(time, account_id), username(self.accounts)
        key = hmac.digest(self.known.names_key, name.encode(), hashlib.sha256).hex()
        self.identity.write(act, f"username/{key}", 1, identity.UsernameClaimed(account_id=account_id))
        registered = identity.AccountRegistered(
            account_id=account_id, username=name, email=None, password_hash=self.known.password_hash
        )
        self.identity.write(act, f"account/{account_id}", 1, registered)

    def _log_in(self, time: int, account_id: str) -> None:
        session_id, stream = name_of("ses", self.accounts), f"session/{name_of('ses', self.accounts)}"
        act, seen = self._act(time, account_id), self.token.position
        succeeded = identity.LoginSucceeded(account_id=account_id, session_id=session_id, acr=ACR, amr=AMR)
        self.identity.write(act, stream, 1, succeeded)
        session = identity.SessionStarted(
            session_id=session_id,
            account_id=account_id,
            seen=seen,
            auth_time=time,
            acr=ACR,
            amr=AMR,
            secret_hash="0" * 64,
            address=f"198.51.100.{self.accounts % 250}",
            agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
        )
        position = self.identity.write(act, stream, 2, session)
        self._start_family(time, account_id, session_id, position, seen)

    def _start_family(self, time: int, account_id: str, session_id: str, position: int, seen: int) -> None:
        act = self._act(time, "service/identity")
        lineage = Lineage(name_of("fam", self.accounts, 12), account_id, session_id)
        started = token.FamilyStarted(
            family_id=lineage.id,
            client_id=self.known.app,
            subject=account_id,
            session_id=session_id,
            session_position=position,
            seen=seen,
            scope=self.known.scope,
            refresh_key=self.known.refresh_key,
            auth_time=time,
            acr=ACR,
            amr=AMR,
            expires_at=time + LIFE,
        )
        self.token.write(act, f"family/{lineage.id}", 1, started)
        self.token.write(act, f"family/{lineage.id}", 2, token.TokenIssued(**self._says(time, lineage)))
        self.recent.append(lineage)
        if len(self.always_on) < ALWAYS_ON:
            self.always_on.append(lineage)
        elif self.accounts % 500 == 0:  # nobody's lasts longer than 30 days
            self.always_on[self.random.randrange(ALWAYS_ON)] = lineage

    def _says(self, time: int, lineage: Lineage) -> dict[str, Any]:
        self.tokens += 1
        return {
            "token_id": name_of("tok", self.tokens, 12),
            "client_id": self.known.app,
            "subject": lineage.subject,
            "audience": [self.known.issuer],
            "scope": self.known.scope,
            "expires_at": time + 720 * SECOND,
            "session_id": lineage.session_id,
            "family_id": lineage.id,
        }

    def _refresh(self, time: int) -> None:
        lineage = self.random.choice(self.always_on) if self.random.random() < 0.1 else self._some()
        if lineage.ended:
            return
        lineage.version, lineage.generation = lineage.version + 1, lineage.generation + 1
        rotated = token.RefreshRotated(
            **self._says(time, lineage), generation=lineage.generation, refresh_key=self.known.refresh_key
        )
        act = self._act(time, f"client/{self.known.app}")
        self.token.write(act, f"family/{lineage.id}", lineage.version, rotated)

    def _some(self) -> Lineage:
        return self.recent[self.random.randrange(len(self.recent))]

    def _log_out(self, time: int) -> None:
        lineage = self._some()
        if lineage.ended:
            return
        lineage.ended = True
        act = self._act(time, lineage.subject)
        ended = identity.SessionEnded(session_id=lineage.session_id, account_id=lineage.subject, reason="logout")
        position = self.identity.write(act, f"session/{lineage.session_id}", 3, ended)
        act = self._act(time, "service/token", reaction_id("identity", position))
        revoked = token.SessionRevoked(session_id=lineage.session_id, reason="session_ended")
        self.token.write(act, f"session/{lineage.session_id}", 1, revoked)

    def _rob(self, time: int) -> None:
        lineage = self._some()
        if lineage.ended:
            return
        lineage.ended = True
        act, app = self._act(time, f"client/{self.known.app}"), self.known.app
        reuse = token.ReuseDetected(
            family_id=lineage.id,
            subject=lineage.subject,
            client_id=app,
            session_id=lineage.session_id,
            presented_generation=1,
            presented_by=app,
        )
        revoked = token.FamilyRevoked(
            family_id=lineage.id, subject=lineage.subject, client_id=app, reason="refresh_reuse"
        )
        self.token.write(act, f"family/{lineage.id}", lineage.version + 1, reuse)
        self.token.write(act, f"family/{lineage.id}", lineage.version + 2, revoked)

    def _give_machine(self, time: int) -> None:
        machine = self.known.machine
        said = self._says(time, Lineage("", machine, ""))
        issued = token.TokenIssued(**said | {"client_id": machine, "session_id": None, "family_id": None})
        self.token.write(self._act(time, f"client/{machine}"), f"token/{issued.token_id}", 1, issued)

    def _give_role(self, time: int, account_id: str) -> None:
        assigned = RoleAssigned(
            role=ROLE, subject_type="account", subject_id=account_id, resource_type="shop", resource_id="1"
        )
        self.policy.write(self._act(time, "operator/admin"), f"assignment/account/{account_id}", 1, assigned)
