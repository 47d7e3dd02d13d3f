"""Snapshots are disposable, and those of streams that are used no more go by themselves."""

from eventlog.store import Snapshot
from tests.harness.database import Database


async def test_a_snapshot_that_was_not_kept_anew_for_a_month_goes(database: Database) -> None:
    await database.migrate()
    async with database.store() as store, database.admin() as admin:
        for stream in ("family/old", "family/used"):
            await store.keep_snapshot(stream, Snapshot(50, "s", b"1"))
        await admin.execute("UPDATE eventlog.snapshots SET kept_at = now() - interval '32 days'")
        await store.keep_snapshot("family/used", Snapshot(100, "s", b"2"))
        await store.sweep_snapshots()
        assert await store.snapshot("family/old") is None
        assert await store.snapshot("family/used") == Snapshot(100, "s", b"2")
