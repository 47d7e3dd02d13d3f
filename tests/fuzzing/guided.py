"""One decoder under atheris. The first directory that is named takes the inputs that took new ways."""

import logging
import sys
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["chassis", "eventlog", "services", "watchword"]):
    from tests.fuzzing.targets import TARGETS


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    logging.disable()
    name, made, *rest = sys.argv[1:]
    target: Any = TARGETS[name]
    for number, seed in enumerate(target.seeds):
        Path(made, f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], made, *rest], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
