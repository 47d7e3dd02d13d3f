"""The Content-Security-Policy of a page (CSP 3): its own style and logo, and forms that lead where they may."""

import base64
import re
from hashlib import sha256
from urllib.parse import urlsplit

SELF, NONE = "'self'", "'none'"
_HTTP_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_IPV6_ORIGIN = re.compile(r"(https?:)//\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def policy(*leads_to: str, script: str = "") -> str:
    """`leads_to`: sources that forms may lead to. `script`: the one script that may run."""
    said = [
        f"default-src {NONE}",
        f"style-src {SELF}",
        f"img-src {SELF}",
        f"form-action {' '.join(leads_to) or NONE}",
        f"frame-ancestors {NONE}",
        f"base-uri {NONE}",
    ]
    if script:
        digest = base64.b64encode(sha256(script.encode()).digest()).decode()
        said.append(f"script-src 'sha256-{digest}'")
    return "; ".join(said)


def source(origin: str) -> str:
    """An address as a source of a policy: its origin, or its scheme where an app has one of its own; '' for neither.

    A policy has no word for an IPv6 address: there its scheme stands.
    """
    if _HTTP_ORIGIN.fullmatch(origin):
        return origin
    if match := _IPV6_ORIGIN.fullmatch(origin):
        return match.group(1)
    scheme = origin.partition(":")[0] + ":"
    return scheme if _SCHEME.fullmatch(scheme) and scheme.lower() not in _NEVER else ""


_NEVER = frozenset({"javascript:", "data:", "blob:", "http:", "https:", "file:", "vbscript:"})


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL; of another scheme than http, the URL's scheme."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
