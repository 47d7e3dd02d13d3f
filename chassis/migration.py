"""Bringing a service's database to its release. Imports little: it is done at every start, before the service."""

import asyncio
import sys
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import asyncpg

from chassis.settings import Databases, ServiceSettings, databases_or_exit, exit_with
from eventlog import migrate as log


def migrate(service: str, kind: type[ServiceSettings], schema: Sequence[str]) -> NoReturn:
    """Applies the log's schema and the service's own with the owner's role, and exits: 0 done, 1 refused by the
    database, 2 for a wrong setting.
    """
    asyncio.run(_migrate(service, databases_or_exit(kind), schema))
    raise SystemExit(0)


async def _migrate(service: str, settings: Databases, schema: Sequence[str]) -> None:
    if settings.owner_database is None:
        exit_with(f"WATCHWORD_{service.upper()}_OWNER_DATABASE (or …_FILE): migrating needs the owner's role.")
    role = unquote(urlsplit(settings.database.get_secret_value()).username or service)
    try:
        await log.migrate(settings.owner_database.get_secret_value(), role, schema)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.stderr.write(f"{service}'s database was not migrated: {error}\n")
        raise SystemExit(1) from None
