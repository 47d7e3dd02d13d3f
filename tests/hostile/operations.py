"""What operations over REST change, whose they are, and bodies that they say yes to."""

from typing import Any

CHANGES = frozenset(
    {
        "POST /v1/login",
        "POST /v1/logout",
        "PUT /v1/account/password",
        "DELETE /v1/sessions",
        "DELETE /v1/sessions/{session_id}",
        "DELETE /v1/grants/{client_id}",
        "POST /v1/accounts/{account_id}/disable",
        "POST /oauth2/token",
        "POST /oauth2/revoke",
        "POST /v1/revocations",
        "DELETE /v1/clients/{client_id}",
    }
)
"""After these, what a caller holds may be worth nothing."""
OF_CLIENTS: dict[str, dict[str, Any]] = {
    "POST /v1/clients": {"name": "a test", "grant_types": ["client_credentials"]},
    "PUT /v1/clients/{client_id}": {"name": "a test", "grant_types": ["client_credentials"]},
    "POST /v1/clients/{client_id}/secret": {"overlap": 5},
}
"""Bodies that say something of a client."""
OF_RULES: dict[str, dict[str, Any]] = {
    "POST /v1/rules": {"policies": "// none yet"},
    "POST /v1/rules/check": {"policies": "permit (principal);"},
    "POST /v1/rules/dry-run": {"version": 0},
}
"""Bodies that say something of policies."""
QUESTION = {
    "subject": {"type": "service", "id": "some"},
    "action": {"name": "document.read"},
    "resource": {"type": "document", "id": "some"},
}
ASKED = {
    *(f"POST /access/v1/{what}" for what in ("evaluation", "evaluations")),
    *(f"POST /access/v1/search/{what}" for what in ("subject", "resource", "action")),
    "POST /v1/explain",
}
"""What clients ask policy for themselves."""
FACTS = {"POST /v1/facts": {"write": [{"kind": "group", "id": "tests"}]}}
ALIKE: dict[str, dict[str, Any]] = {
    "POST /oauth2/logout": {"state": "some"},
    **dict.fromkeys(ASKED, QUESTION),
    **FACTS,
    **OF_CLIENTS,
    **OF_RULES,
}
"""Bodies that are the same for everybody."""
