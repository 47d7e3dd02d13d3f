"""What an authorization request may say, parameter by parameter, and how its client is told otherwise."""

import re
from collections.abc import Mapping

from services.token.domain.client import Client
from services.token.domain.response_type import TYPE_RULES, gives_tokens

PROMPTS = frozenset({"none", "login", "consent", "select_account"})
MAX_NONCE = 1024
_SHA256 = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS = re.compile(r"[0-9]{1,9}")


def _no_challenge(client: Client, asked: Mapping[str, str]) -> bool:
    needed = (client.require_pkce or not client.confidential) and not gives_tokens(asked)
    return needed and "code_challenge" not in asked


def _plain_challenge(client: Client, asked: Mapping[str, str]) -> bool:
    """RFC 7636 4.3: without a method it is `plain`, which whoever sees the request can answer (RFC 9700 2.1.1)."""
    if "code_challenge" not in asked:
        return "code_challenge_method" in asked
    return asked.get("code_challenge_method") != "S256" or not _SHA256.fullmatch(asked["code_challenge"])


def _odd_key(client: Client, asked: Mapping[str, str]) -> bool:
    return "dpop_jkt" in asked and not _SHA256.fullmatch(asked["dpop_jkt"])


def _odd_prompt(client: Client, asked: Mapping[str, str]) -> bool:
    prompt = asked.get("prompt", "").split()
    return not set(prompt) <= PROMPTS or ("none" in prompt and len(prompt) > 1)


def _odd_age(client: Client, asked: Mapping[str, str]) -> bool:
    return not _SECONDS.fullmatch(asked.get("max_age", "0"))


RULES = (
    *TYPE_RULES,
    (_plain_challenge, ("invalid_request", "a code_challenge is 43 characters of method S256 (RFC 7636)")),
    (_no_challenge, ("invalid_request", "code_challenge is missing: PKCE is required (RFC 7636)")),
    (_odd_key, ("invalid_request", "dpop_jkt is no thumbprint of a key (RFC 9449 10)")),
    # It goes into the log, and out to whoever follows that.
    (
        lambda client, asked: len(asked.get("nonce", "")) > MAX_NONCE,
        ("invalid_request", f"a nonce has at most {MAX_NONCE} characters"),
    ),
    (_odd_prompt, ("invalid_request", "prompt is none alone, or some of login, consent, select_account")),
    (_odd_age, ("invalid_request", "max_age is a number of seconds")),
)
"""Whether a request is wrong, and the error and the description of RFC 6749 4.1.2.1 for that; the first counts."""
