"""How often browsers may bring authorization requests: each that somebody is asked about is kept for ten minutes."""

import re

from eventlog.errors import Kind, Refusal
from services.identity.commands import Browser, Identity
from services.identity.commands.authorize import visitor
from services.identity.commands.counted import Counted, take_all

ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


async def ask(identity: Identity, client_id: str, where: Browser) -> Counted:
    """Counts a request under its address and under the client that it names, known or not.

    Where one of them has none left, whoever is signed in has requests of their own, so that nobody can lock them out.
    Raises Refusal `too_many_attempts`.
    """
    named = client_id if ID.fullmatch(client_id) else ""
    try:
        return await take_all(identity.limits, [("authorize", where.source), ("authorize_client", named)])
    except Refusal as refusal:
        there = await visitor(identity, where.session) if refusal.kind is Kind.TOO_MANY else None
        if there is None:
            raise
    return await take_all(identity.limits, [("authorize_session", there.session.id)])
