"""When each host may be asked next, in the database: all workers on all machines share one budget for a host."""

from dataclasses import dataclass

from sqlalchemy import Engine, text

_TAKE = text("""
    INSERT INTO citywide.host AS h (host, next_at) VALUES (:host, clock_timestamp() + :gap * interval '1 second')
    ON CONFLICT (host) DO UPDATE SET next_at = CASE
        WHEN h.cool_until > clock_timestamp() + :longest * interval '1 second' THEN h.next_at
        ELSE greatest(h.next_at, h.cool_until, clock_timestamp()) + :gap * interval '1 second'
    END
    RETURNING
        coalesce(extract(epoch FROM next_at - clock_timestamp())::float8 - :gap, 0) AS seconds,
        coalesce(extract(epoch FROM cool_until - clock_timestamp())::float8, 0) AS cooling,
        coalesce(reason, '') AS reason
""")

_COOL = text("""
    INSERT INTO citywide.host AS h (host, cool_until, reason)
    VALUES (:host, clock_timestamp() + :seconds * interval '1 second', :reason)
    ON CONFLICT (host) DO UPDATE SET cool_until = excluded.cool_until, reason = excluded.reason
    WHERE h.cool_until IS NULL OR h.cool_until < excluded.cool_until
""")


@dataclass(frozen=True)
class Turn:
    """Seconds until it is our turn, and seconds that the host still wants to be left alone, with the reason."""

    seconds: float
    cooling: float
    reason: str


class StoredLedger:
    """The table `citywide.host`; each turn is one statement, so that no two workers are given the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, host: str, gap: float, longest: float) -> Turn:
        """The next turn, after which none is given for `gap` seconds. No turn is used up while the host is left alone
        for more than `longest` seconds."""
        with self._engine.begin() as connection:
            row = connection.execute(_TAKE, {"host": host, "gap": gap, "longest": longest}).one()
        return Turn(max(row.seconds, 0.0), max(row.cooling, 0.0), row.reason)

    def cool(self, host: str, seconds: float, reason: str) -> None:
        """Leaves the host alone for so long; what was longer stays."""
        with self._engine.begin() as connection:
            connection.execute(_COOL, {"host": host, "seconds": seconds, "reason": reason})
