"""The runs that made a layer what it is, in their order, and what each of them was: what a rebuild replays."""

from enum import Enum, auto

from sqlalchemy import Engine, RowMapping, text

from datasets.layer import Layer
from datasets.store.runs import GOOD
from datasets.store.versions.purge import CODE as TAKEN_DOWN
from datasets.store.versions.purge import NAME as AFTER_TAKE_DOWN
from datasets.store.versions.roll_back import NO_RULES
from datasets.vocabulary import Cause, Decider


class Did(Enum):
    """What a run was. `CONFIRMED` fetched what was read before once more; of `PURGED` the bytes are gone, by itself or
    because it took them down, and only its record still says what it did; `NOTHING` fetched and wrote nothing."""

    READ = auto()
    CONFIRMED = auto()
    ROLLED_BACK = auto()
    WITHDREW = auto()
    PURGED = auto()
    NOTHING = auto()


_BY_CAUSE = {
    Cause.ROLL_BACK.value: Did.ROLLED_BACK,
    Cause.WITHDRAWAL.value: Did.WITHDREW,
    Cause.TAKE_DOWN.value: Did.PURGED,
}
_BY_DECIDER = {
    Decider.WATERMARK.value: Did.NOTHING,
    Decider.CONDITIONAL.value: Did.NOTHING,
    Decider.BYTES.value: Did.CONFIRMED,
    Decider.CONTENT.value: Did.CONFIRMED,
}


def what_was_done(run: RowMapping) -> Did:
    """What one of the archived runs was. A roll-back and a take-down bear the bytes of what stands after them, which
    they did not read; so the cause of what they wrote comes first."""
    if run["cause"] in _BY_CAUSE:
        return _BY_CAUSE[run["cause"]]
    if run["purged"]:
        return Did.PURGED
    if run["decided_by"] is None and run["rules_hash"] in (NO_RULES, AFTER_TAKE_DOWN):
        return Did.NOTHING
    return _BY_DECIDER.get(run["decided_by"], Did.READ)


def archived_runs(engine: Engine, layer: Layer) -> list[RowMapping]:
    """Every run that left something of the layer's feeds as it is, in the order in which they were published, removed
    feeds' as well: what was read, how it was decided, and, where it undid another, which. `at` is when it was
    published; `purged` says that its bytes were taken down."""
    query = text(
        """
        SELECT r.id, r.feed, f.document, r.decided_by, r.resource_sha256, r.complete, r.incomplete_because, r.reach,
               r.features, r.rules_hash, r.watermark, r.declared, coalesce(v.at, r.ended_at) AS at, v.cause, v.undoes,
               s.name, s.media_type, s.bytes,
               r.code IS NOT DISTINCT FROM :taken_down OR EXISTS (
                   SELECT FROM citywide.takedown t WHERE t.feed = r.feed AND t.resource_sha256 = r.resource_sha256
               ) AS purged
        FROM citywide.run r JOIN citywide.feed f ON f.id = r.feed
        LEFT JOIN citywide.resource s ON s.sha256 = r.resource_sha256
        LEFT JOIN LATERAL (SELECT max(revision) AS revision, max(at) AS at, min(cause) AS cause, max(undoes) AS undoes
                           FROM citywide.revision v WHERE v.layer = f.layer AND v.feed = r.feed AND v.run = r.id) v
               ON true
        WHERE f.layer = :layer AND (r.outcome = ANY (:good) OR r.code = :taken_down AND v.revision IS NOT NULL)
        ORDER BY coalesce(v.at, r.ended_at), v.revision NULLS LAST, r.id
        """
    )
    values = {"layer": layer.id, "good": list(GOOD), "taken_down": TAKEN_DOWN}
    with engine.connect() as connection:
        return list(connection.execute(query, values).mappings())
