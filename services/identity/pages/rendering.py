"""Templates, filled in. They know no request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.identity.pages.brand import Brand
from services.identity.pages.words import Languages, Words

_HERE = Path(__file__).parent
SCRIPT = "document.forms[0].submit()"
"""Where it may not run, a button does the same."""
LEAVE = "function on(){location.replace(document.getElementById('on').href)}window.onload=on;setTimeout(on,5000)"
"""Goes on once the frames have loaded, or have had long enough; where it may not run, a link does the same."""


def session_script(cookie: str) -> str:
    """What answers applications whether the state that a cookie of this name holds is still the same."""
    return (_HERE / "session.js").read_text(encoding="utf-8").replace("{cookie}", cookie)


@dataclass(frozen=True, slots=True)
class Pages:
    """`base` is the path under which the world reaches this service, without a slash at its end."""

    brand: Brand
    languages: Languages
    base: str = ""
    _templates: Environment = field(init=False, repr=False)

    def __post_init__(self) -> None:
        templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        templates.globals.update(brand=self.brand, base=self.base, script=SCRIPT, leave=LEAVE)
        object.__setattr__(self, "_templates", templates)

    def render(self, template: str, say: Words, values: Mapping[str, object]) -> str:
        """A page in a language."""
        return self._templates.get_template(f"{template}.html").render({**values, "say": say})
