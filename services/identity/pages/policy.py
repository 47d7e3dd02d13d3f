"""The Content-Security-Policy of a page (CSP 3): its own style, logos, and forms that lead where they may."""

import base64
import re
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import urlsplit

SELF, NONE = "'self'", "'none'"
_HTTP_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_OTHER_ORIGIN = re.compile(r"(https?:)//(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{0,5})?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def policy(*leads_to: str, script: str = "", frames: Sequence[str] = (), images: Sequence[str] = ()) -> str:
    """`leads_to`: sources that forms may lead to. `script`: the one script that may run. `frames`: sources that frames
    may show. `images`: sources of pictures besides our own.
    """
    said = [
        f"default-src {NONE}",
        f"style-src {SELF}",
        f"img-src {' '.join((SELF, *images))}",
        f"form-action {' '.join(leads_to) or NONE}",
        f"frame-ancestors {NONE}",
        f"base-uri {NONE}",
    ]
    if script:
        said.append(f"script-src {_hash(script)}")
    if frames:
        said.append(f"frame-src {' '.join(frames)}")
    return "; ".join(said)


def framed(script: str) -> str:
    """The policy of the one page that other sites may frame: it shows nothing, and does nothing but run its script."""
    return f"default-src {NONE}; form-action {NONE}; base-uri {NONE}; script-src {_hash(script)}"


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"


def source(origin: str) -> str:
    """An address as a source of a policy: its origin, or its scheme where an app has one of its own; '' for neither.

    A policy has no word for an IPv6 address, nor for a host with an underscore: there its scheme stands.
    """
    if _HTTP_ORIGIN.fullmatch(origin):
        return origin
    if match := _OTHER_ORIGIN.fullmatch(origin):
        return match.group(1)
    scheme = origin.partition(":")[0] + ":"
    return scheme if _SCHEME.fullmatch(scheme) and scheme.lower() not in _NEVER else ""


_NEVER = frozenset({"javascript:", "data:", "blob:", "http:", "https:", "file:", "vbscript:"})


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL; of another scheme than http, the URL's scheme."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
