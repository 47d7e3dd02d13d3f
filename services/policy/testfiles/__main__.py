"""Reads the files, decides the cases, says what came of them. Exit code 0: as expected; 1: not; 2: a file is wrong."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.policy.testfiles.document import parse
from services.policy.testfiles.report import as_data, in_words, junit
from services.policy.testfiles.sheet import Wrong
from services.policy.testfiles.trial import Result, tried


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser("watchword policy test")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--junit", type=Path)
    said = parser.parse_args(arguments)
    try:
        results = {str(file): _of(file) for file in said.files}
    except Wrong as wrong:
        sys.stderr.write(
            f"{wrong.file}:{wrong.line}: {wrong.reason}\n" if wrong.line else f"{wrong.file}: {wrong.reason}\n"
        )
        return 2
    shown = msgspec.json.encode(as_data(results)).decode() if said.json else "\n".join(in_words(results))
    sys.stdout.write(f"{shown}\n")
    if said.junit is not None:
        said.junit.write_bytes(junit(results))
    return 0 if all(one.as_expected for found in results.values() for one in found) else 1


def _of(file: Path) -> Sequence[Result]:
    """Raises Wrong, which names the file."""
    try:
        text = file.read_text(encoding="utf-8")
        return tried(parse(text, lambda name: (file.parent / name).read_text(encoding="utf-8"), time.time_ns() // 1000))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Wrong(0, f"cannot be read: {reason}", str(file)) from None
    except Wrong as wrong:
        there = file.parent / wrong.file if wrong.file else file
        raise Wrong(wrong.line, wrong.reason, str(there)) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
