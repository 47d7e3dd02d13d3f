"""The store on PostgreSQL: group commit, paged reads, and a listener (RULES 1 to 3)."""

from eventlog.postgres.keys import SEAL_KEYS, PostgresSealKeys, WrappedTable, rewrap
from eventlog.postgres.store import PostgresStore

__all__ = ["SEAL_KEYS", "PostgresSealKeys", "PostgresStore", "WrappedTable", "rewrap"]
