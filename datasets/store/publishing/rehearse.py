"""What a publish would do to the ids of a feed's features, found out without writing anything. It is what a person is
told who is asked whether features may be recognised in another way from now on."""

from datetime import datetime

import psycopg
from sqlalchemy import Engine

from datasets.layer import Layer
from datasets.store.publishing.publish import Publisher
from datasets.store.publishing.rows import FeatureLines
from datasets.store.publishing.slices import Carried, Slice
from datasets.vocabulary import Operation


def rehearse(engine: Engine, layer: Layer, new: Slice, now: datetime) -> Carried:
    """What publishing the slice would do to the ids that the feed's features have."""
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return _Rehearsal(driver, layer, new, now).carried()


class _Rehearsal(Publisher):
    """A publish that stops before it writes; it waits for nobody."""

    def carried(self) -> Carried:
        changes = self._changes(FeatureLines(self.new.frame, self.new.geometry, self.content))
        ended = int((changes.gone["op"] == Operation.END.value).sum())
        return Carried(
            kept=self.standing - changes.gone.height,
            ended=ended - self.became_one.height,
            redirected=self.became_one.height,
            missing=changes.gone.height - ended,
            new=len(changes.new),
        )
