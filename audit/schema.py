"""`python -m audit.schema FILE`: whether a bill fits CycloneDX's own schema. Runs where cyclonedx-bom is installed."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(file: str) -> int:
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(file).read_text())
    if wrong is not None:
        sys.stderr.write(f"{file} does not fit the schema: {wrong}\n")
    return int(wrong is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
