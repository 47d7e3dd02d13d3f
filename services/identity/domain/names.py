"""Usernames and passwords as they are compared: PRECIS (RFC 8265)."""

import re
import unicodedata

from precis_i18n import get_profile

from eventlog.errors import Kind, Refusal

MAX_USERNAME = 255
MAX_PASSWORD = 1024
MAX_EMAIL = 320

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PROFILE = get_profile("UsernameCaseMapped")


def normalise(username: str) -> str:
    """The form in which names compare (RFC 8265 3.3, UsernameCaseMapped). Raises Refusal `username_invalid`."""
    try:
        normal: str = _PROFILE.enforce(username)
    except UnicodeEncodeError:
        normal = ""
    if not normal or len(normal.encode()) > MAX_USERNAME:
        raise Refusal(
            Kind.UNPROCESSABLE,
            "username_invalid",
            f"a username is letters, digits and signs without spaces (RFC 8265), at most {MAX_USERNAME} bytes",
        )
    return normal


def compared(username: str) -> str:
    """What a name as typed is looked up and limited by; one that nobody can have stays as it was typed."""
    try:
        return normalise(username)
    except Refusal:
        return f"\0{username}"


def read_email(email: str | None) -> str | None:
    """An address as it was given. Raises Refusal `email_invalid` for what is none."""
    if email is not None and (len(email) > MAX_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email)):
        raise Refusal(Kind.UNPROCESSABLE, "email_invalid", "an address is name@domain, at most 320 characters")
    return email


def read_password(password: str) -> str:
    """A password in one form, however the keyboard composed it. Raises Refusal `password_too_long`."""
    normal = unicodedata.normalize("NFC", password)
    if len(normal.encode()) > MAX_PASSWORD:
        raise Refusal(Kind.UNPROCESSABLE, "password_too_long", f"a password has at most {MAX_PASSWORD} bytes")
    return normal
