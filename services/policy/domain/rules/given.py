"""What a caller says, as Cedar can take it: a number with a fraction or a null would make a question unanswerable."""

from decimal import Decimal
from typing import Any

MAX_DEPTH = 16
_PLACES = Decimal("0.0001")
_LONG = 2**63


def known(said: Any, depth: int = MAX_DEPTH) -> Any:
    """JSON without what Cedar has no value for: nulls, what is nested too deeply, and numbers out of its range.

    A number with a fraction becomes a `decimal` where four decimals hold it.
    """
    if isinstance(said, dict):
        members = ((name, known(value, depth - 1)) for name, value in said.items()) if depth else ()
        return {name: value for name, value in members if value is not None}
    if isinstance(said, list | tuple):
        items = (known(value, depth - 1) for value in said) if depth else ()
        return [value for value in items if value is not None]
    if isinstance(said, float):
        return _decimal(said)
    if isinstance(said, int) and not isinstance(said, bool):
        return said if -_LONG <= said < _LONG else None
    return said


def _decimal(said: float) -> Any:
    if said.is_integer() and abs(said) < 2**53:
        return int(said)
    exact = Decimal(repr(said))
    if not exact.is_finite() or abs(exact) >= _LONG // 10_000 or exact != exact.quantize(_PLACES):
        return None
    return {"__extn": {"fn": "decimal", "arg": f"{exact:f}"}}
