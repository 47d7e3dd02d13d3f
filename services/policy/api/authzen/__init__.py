"""AuthZEN Authorization API 1.0 over HTTP: one question, many, and searches (docs/policy.md, "Asking over REST")."""

from services.policy.api.authzen.handlers import CONFIGURATION, AuthzenApi
from services.policy.api.authzen.request_id import with_request_id

__all__ = ["CONFIGURATION", "AuthzenApi", "with_request_id"]
