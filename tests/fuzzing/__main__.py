"""`make fuzz`: every decoder by atheris, which looks for inputs that take ways not yet taken; then the suite itself.

What is found is named with the bytes that show it: keep them in tests/fuzzing/corpus/TARGET/.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzzing.targets import TARGETS
from tests.harness.seeds import SEED

CORPUS = Path(__file__).parent / "corpus"
MEMORY_MB = 1024
HANG_S = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=f"among {', '.join(TARGETS)}"
    )
    parser.add_argument("--minutes", type=float, default=10, help="for the decoders together (10)")
    parser.add_argument(
        "--factor", type=float, default=0, help="then the suite, so many times what `make test` does (0)"
    )
    given = parser.parse_args()
    seconds = max(1, round(given.minutes * 60 / len(given.targets)))
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    print(f"WATCHWORD_FUZZ_SEED={SEED}, {seconds} s a target", flush=True)
    failed = [target for target in given.targets if _fuzzed(target, seconds) != 0]
    if given.factor and _suite(given.factor) != 0:
        failed.append("the suite")
    print(f"failed: {', '.join(failed)}" if failed else "nothing was found")
    return 1 if failed else 0


def _fuzzed(target: str, seconds: int) -> int:
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{target}-") as made:
        kept = CORPUS / target
        command = [sys.executable, "-m", "tests.fuzzing.guided", target, made, *([str(kept)] if kept.exists() else [])]
        limits = [
            f"-max_total_time={seconds}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-timeout={HANG_S}",
            f"-seed={SEED % 2**31}",
        ]
        print(f"\n== {target}", flush=True)
        return subprocess.run([*command, *limits, "-print_final_stats=1", "-verbosity=0", "-max_len=16384"]).returncode


def _suite(factor: float) -> int:
    environment = os.environ | {"WATCHWORD_FUZZ_FACTOR": str(factor), "WATCHWORD_FUZZ_SEED": str(SEED)}
    tests = ["tests/hostile", "tests/unit/test_decoders.py", "--timeout=36000", "-p", "no:cacheprovider"]
    return subprocess.run([sys.executable, "-m", "pytest", *tests], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
