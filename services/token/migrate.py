"""`python -m services.token.migrate`: its database's present form, without all that only serving needs."""

from pathlib import Path

from chassis.migration import migrate
from eventlog.migrate import PROJECTIONS, RELAY
from services.token.settings import TokenSettings

SCHEMA = [PROJECTIONS, (Path(__file__).parent / "schema.sql").read_text(), RELAY]

if __name__ == "__main__":
    migrate("token", TokenSettings, SCHEMA)
