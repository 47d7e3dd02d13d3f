"""`python -m services.policy.migrate`: its database's present form, without all that only serving needs."""

from pathlib import Path

from chassis.migration import migrate
from eventlog.migrate import PROJECTIONS, RELAY
from services.policy.settings import PolicySettings

SCHEMA = [PROJECTIONS, RELAY, (Path(__file__).parent / "schema.sql").read_text()]

if __name__ == "__main__":
    migrate("policy", PolicySettings, SCHEMA)
