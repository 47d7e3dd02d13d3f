"""`python -m services.identity.migrate`: its database's present form, without all that only serving needs."""

from pathlib import Path

from chassis.migration import migrate
from eventlog.migrate import PROJECTIONS, RELAY
from services.identity.settings import IdentitySettings

SCHEMA = [PROJECTIONS, (Path(__file__).parent / "schema.sql").read_text(), RELAY]

if __name__ == "__main__":
    migrate("identity", IdentitySettings, SCHEMA)
