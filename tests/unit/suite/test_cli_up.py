"""What is wrong in an option of `watchword up` is said in its name, before anything is made or started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from suite.cli import app


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--public-url", "", "is empty"),
        ("--public-url", "ftp://x", "it is not an http or https URL"),
        ("--public-url", "https://x?y", "it is not an http or https URL"),
        ("--trusted-proxy", "", "is empty"),
        ("--trusted-proxy", "nonsense", "such as 10.0.0.0/8"),
        ("--token-rest", "127.0.0.1:8401", "--identity-rest 127.0.0.1:8401"),
        ("--token-rest", "8401", "is not HOST:PORT"),
        ("--kafka", "", "such as embedded"),
        ("--kafka", "embedded:kafka", "such as embedded"),
        ("--kafka", "embedded:8401", "--identity-rest 127.0.0.1:8401"),
        ("--kafka-topics", "mine", "name the brokers too, such as --kafka embedded"),
    ],
)
def test_a_wrong_option_of_up_is_refused_before_anything_starts(
    tmp_path: Path, option: str, value: str, said: str
) -> None:
    data = tmp_path / "data"
    result = CliRunner().invoke(app, ["up", "--data", str(data), option, value])
    assert (result.exit_code, result.stdout) == (1, "")
    assert option in result.stderr
    assert said in result.stderr
    assert not data.exists()
