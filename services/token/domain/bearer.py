"""The JWT bearer grant (RFC 7523 2.1)."""

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPES = frozenset({None, "jwt", "authorization-grant+jwt"})
"""What an assertion's header may say that it is."""
