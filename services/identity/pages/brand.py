"""Whose pages these are: an operator's name, colours and logo."""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_HERE = Path(__file__).parent
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# What links, buttons and focus stand on, by style.css.
LIGHT, DARK = "#ffffff", "#1c1f26"
READABLE = 4.5
"""WCAG 2.2, 1.4.3: the contrast of text."""
_KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
MAX_LOGO = 256 * 1024


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages name; `version` changes with what is in it."""

    content: bytes
    media_type: str

    @property
    def version(self) -> str:
        return sha256(self.content).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Brand:
    """`style` carries the colours: pages have no styles of their own, so that their policy can forbid them."""

    name: str
    style: Asset
    logo: Asset


def brand(name: str, colour: str, colour_dark: str, logo: Path | None = None) -> Brand:
    """Raises ValueError for a colour that nobody could read and a logo that is no picture."""
    colours = (
        f":root{{--accent:{readable(colour, LIGHT)};--on-accent:{on(colour)}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{--accent:{readable(colour_dark, DARK)};"
        f"--on-accent:{on(colour_dark)}}}}}\n"
    )
    style = colours + (_HERE / "style.css").read_text(encoding="utf-8")
    return Brand(name, Asset(style.encode(), "text/css; charset=utf-8"), picture(logo or _HERE / "mark.svg"))


def picture(path: Path) -> Asset:
    """A logo from a file. Raises ValueError where it is none."""
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"a logo is a file {', '.join(_KINDS)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if len(content) > MAX_LOGO:
        raise ValueError(f"a logo has at most {MAX_LOGO // 1024} KiB")
    return Asset(content, kind)


def readable(colour: str, ground: str) -> str:
    """A colour, as CSS has it, if it can be read on that ground. Raises ValueError."""
    if not _COLOUR.fullmatch(colour):
        raise ValueError("it is not a colour as #rrggbb in small letters")
    found = contrast(colour, ground)
    if found < READABLE:
        raise ValueError(f"nobody can read it on {ground}: its contrast is {found:.1f}, and {READABLE} is needed")
    return colour


def on(colour: str) -> str:
    """What can be read on a colour: white or black."""
    return max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
