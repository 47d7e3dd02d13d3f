"""Key-encryption keys: read from their file, and one put in another's place."""

import base64
import binascii
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from chassis.settings import ServiceSettings, WrongSetting, exit_with
from eventlog.postgres import WrappedTable, rewrap
from eventlog.sealing import Wrapping


def read_key_file(path: Path) -> Wrapping:
    """The key-encryption keys, a line each: 32 bytes in base64url. The first wraps; what others wrapped opens still.

    Raises WrongSetting; a file that others can read is refused.
    """
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise WrongSetting(f"{path}: cannot be read as a key: {reason}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise WrongSetting(f"{path}: group or others can use this key file. Example: chmod 600 {path}")
    try:
        return Wrapping(*(base64.b64decode(line + "=" * (-len(line) % 4), b"-_", validate=True) for line in lines))
    except (binascii.Error, ValueError):
        raise WrongSetting(
            f"{path}: not 32 bytes in base64url. Example: openssl rand -base64 32 | tr +/ -_ > {path}; chmod 600 {path}"
        ) from None


async def rewrap_keys(service: str, settings: ServiceSettings, tables: Sequence[WrappedTable]) -> int:
    """`python -m services.<service> rewrap`: wraps every stored key by the first line of the key file.

    Says how many; they are opened and used meanwhile. The exit code: 1 where a key does not open, or the database
    refuses. Exits with 2 for a wrong setting.
    """
    if settings.owner_database is None:
        exit_with(f"WATCHWORD_{service.upper()}_OWNER_DATABASE (or …_FILE): wrapping anew needs the owner's role.")
    try:
        wrapping = read_key_file(settings.key_encryption_key_file)
        connection = await asyncpg.connect(settings.owner_database.get_secret_value(), timeout=10)
        try:
            done = [await rewrap(connection, table, wrapping) for table in tables]
        finally:
            await connection.close(timeout=5)
    except WrongSetting as wrong:
        exit_with(str(wrong))
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.stderr.write(f"{service}'s keys were not all wrapped anew: {error}\n")
        return 1
    sys.stdout.write(f"{service}: {sum(done)} keys wrapped anew by the first key-encryption key\n")
    return 0
