"""Noticing that the layer table changed, so that what is served follows without a restart.

Whoever publishes ends with `NOTIFY citywide_layer`. A notice can be lost with its connection, so the table is also
looked at every few seconds.
"""

import asyncio
import logging
from collections.abc import Callable

import psycopg
from psycopg import AsyncConnection

from datasets.city import City
from ogc.snapshot import Snapshot, read_snapshot

LOGGER = logging.getLogger(__name__)

CHANNEL = "citywide_layer"
POLL_SECONDS = 3.0
RETRY_SECONDS = 2.0


async def watch(database_url: str, city: City, seen: Snapshot, swap: Callable[[Snapshot], None]) -> None:
    """Calls `swap` with each new snapshot until cancelled. While the database is away the last snapshot stays."""
    while True:
        try:
            async with await AsyncConnection.connect(database_url, autocommit=True) as own:
                await own.execute(f"LISTEN {CHANNEL}".encode())
                while True:
                    now = await read_snapshot(own, city)
                    if now.version != seen.version:
                        swap(now)
                        seen = now
                    await _wait_for_notice(own)
        except (psycopg.Error, OSError) as error:
            LOGGER.warning("The layer table cannot be watched (%s); the last snapshot stays.", error)
        except Exception:
            LOGGER.exception("A new snapshot could not be made; the last one stays.")
        await asyncio.sleep(RETRY_SECONDS)


async def _wait_for_notice(connection: AsyncConnection[object]) -> None:
    async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
        return
