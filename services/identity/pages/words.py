"""What pages say, in the languages that there are files for: words/<language tag>.json, which a translator can edit."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from markupsafe import Markup, escape

PACKAGED = Path(__file__).parent / "words"
DEFAULT = "en"
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
LONGEST_TAG = 100
"""Characters: RFC 5646 4.4.1 wants room for 35, and a tag of nothing but hyphens would be looked for once for each."""


class BadWords(ValueError):
    """A file of words cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language. What it lacks is said in English."""

    tag: str
    texts: Mapping[str, str] = field(repr=False)

    def __call__(self, key: str, **values: object) -> Markup:
        """A text with its values, both of them escaped; a value that is Markup stays as it is."""
        return Markup(escape(self.texts[key])).format(**values)  # noqa: S704 - escaped, as its values are

    @property
    def direction(self) -> str:
        return "rtl" if self.texts["direction"] == "rtl" else "ltr"

    def scope(self, scope: str) -> Markup:
        """What a scope lets an application do; its name where nobody has found words for it."""
        key = f"scope.{scope}"
        return self(key) if key in self.texts and scope != "other" else self("scope.other", scope=scope)

    def duration(self, seconds: float) -> Markup:
        """About how long, rounded up: in the largest unit of which it is one, or two and more."""
        size, name = next((unit for unit in _UNITS if seconds >= 2 * unit[0] or seconds == unit[0]), _UNITS[-1])
        count = max(1, -(-int(seconds) // size))
        return self(f"duration.{name}") if count == 1 else self(f"duration.{name}s", count=count)


_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


@dataclass(frozen=True, slots=True)
class Languages:
    """All that pages can be said in, by language tag in small letters."""

    known: Mapping[str, Words]

    def choose(self, wanted: Iterable[str], accepted: str) -> Words:
        """By what the application asked for (`ui_locales`), then by what the browser accepts (RFC 9110 12.5.4)."""
        for tag in (*wanted, *_by_preference(accepted)):
            found = self._find(tag.lower())
            if found is not None:
                return found
        return self.known[DEFAULT]

    def _find(self, tag: str) -> Words | None:
        """RFC 4647 3.4: the tag itself, then without its last parts; `de-CH` is served by `de`."""
        while tag and len(tag) <= LONGEST_TAG:
            if tag in self.known:
                return self.known[tag]
            tag = tag.rpartition("-")[0]
        return None


def load(more: Path | None = None) -> Languages:
    """The packaged languages, and an operator's: texts there replace those here. Raises BadWords."""
    files = [*sorted(PACKAGED.glob("*.json")), *(sorted(more.glob("*.json")) if more else ())]
    texts: dict[str, dict[str, str]] = {}
    for file in files:
        texts.setdefault(file.stem.lower(), {}).update(_read(file))
    english = texts[DEFAULT]
    for tag, own in texts.items():
        _check(tag, own, english)
    return Languages({tag: Words(tag, english | own) for tag, own in texts.items()})


def _read(file: Path) -> dict[str, str]:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadWords(f"{file} cannot be read: {error}") from None
    if not isinstance(read, dict) or not all(isinstance(text, str) for text in read.values()):
        raise BadWords(f"{file} is not an object of texts")
    return read


def _check(tag: str, own: Mapping[str, str], english: Mapping[str, str]) -> None:
    """A text that names another value than the English one would fail when it is shown."""
    for key, text in own.items():
        try:
            named = _values(text)
        except ValueError:
            raise BadWords(f"{tag}: {key} has a brace too few or too many") from None
        known = _values(english.get(key, ""))
        if not named <= known:
            raise BadWords(f"{tag}: {key} names {{{min(named - known)}}}, which is not known there")


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _by_preference(accepted: str) -> list[str]:
    ranges: list[tuple[float, int, str]] = []
    for part in accepted.split(",")[:50]:
        tag, _, quality = part.strip().partition(";")
        weight = _weight(quality.strip())
        if weight > 0:
            ranges.append((-weight, len(ranges), tag.strip()))
    return [tag for _, _, tag in sorted(ranges)]


def _weight(quality: str) -> float:
    if not quality:
        return 1.0
    try:
        return float(quality.removeprefix("q="))
    except ValueError:
        return 0.0
