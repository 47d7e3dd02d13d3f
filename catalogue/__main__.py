"""`python -m catalogue [--check]`: writes docs/events from the event types; or says what is not as they are.

It neither writes nor passes what an old reader could not read.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from catalogue.compatibility import breaks
from catalogue.record import EVENTS, GOLDEN, examples, files, promised, written


def main(arguments: list[str], events: Path = EVENTS) -> int:
    """Keeps `events`. 0 where all is well, 1 where something is wrong, which stderr names, 2 for other arguments."""
    if arguments not in ([], ["--check"]):
        return _said("python -m catalogue [--check]", (), 2)
    before, now = promised(events), written()
    if broken := breaks(before, now):
        return _said("What was promised is broken. Leave it as it was, and write a new version:", broken, 1)
    schemas = now | {type_: schema for type_, schema in before.items() if type_ not in now}
    made = {events / name: text for name, text in files(schemas, examples(GOLDEN)).items()}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if arguments:
        named = (str(path.relative_to(events.parent)) for path in stale)
        return (
            _said("docs/events is not what the event types say: run make generate, and commit.", named, 1)
            if stale
            else 0
        )
    for path in stale:
        path.write_text(made[path])
    return 0


def _said(what: str, details: Iterable[str], code: int) -> int:
    sys.stderr.write("".join(f"{line}\n" for line in (what, *(f"  {one}" for one in details))))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
