"""What a person is told who is asked whether a feed's features may be recognised in another way: how many would keep
their ids. Apart from the gate, which looks at figures alone, because the answer is in the store."""

from collections.abc import Sequence
from datetime import UTC, datetime

from datasets.errors import RunHeld
from datasets.store.publishing.rehearse import rehearse
from datasets.store.publishing.slices import Slice
from harvesters.batch import Batch
from harvesters.context import Context

GATE = "key-changed"


def tell_ids(context: Context, batch: Batch, shut: Sequence[RunHeld], *, complete: bool) -> list[RunHeld]:
    """The gates that are shut; the one of the keys says what accepting it would do to the ids."""
    return [_told(context, batch, held, complete) if held.code == GATE else held for held in shut]


def _told(context: Context, batch: Batch, held: RunHeld, complete: bool) -> RunHeld:
    feed = context.feed
    assert batch.geometry is not None
    new = Slice(batch.frame, batch.geometry, feed.id, feed.council, "", 0, complete)
    carried = rehearse(context.tools.engine, context.layer, new, datetime.now(UTC))
    return RunHeld(GATE, f"{held} Once that is accepted, {carried}.")
