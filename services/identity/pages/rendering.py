"""Templates, filled in. They know no request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.identity.pages.brand import Brand
from services.identity.pages.words import Languages, Words

_HERE = Path(__file__).parent
SCRIPT = "document.forms[0].submit()"
"""The one script that there is: where it may not run, a button does the same."""


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
        templates.globals.update(brand=self.brand, base=self.base, script=SCRIPT)
        object.__setattr__(self, "_templates", templates)

    def render(self, template: str, say: Words, values: Mapping[str, object]) -> str:
        """A page in a language."""
        return self._templates.get_template(f"{template}.html").render({**values, "say": say})
