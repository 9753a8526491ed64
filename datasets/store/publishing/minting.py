"""The ids that new features get. An id is minted once: it is never given to another feature, not even where the one
that has it is known by another key now."""

from collections.abc import Callable

import polars as pl

from datasets.layer import Layer
from datasets.store.publishing.rows import mint_ids
from datasets.store.publishing.slices import Slice

Read = Callable[[str, pl.Schema], pl.DataFrame]
IDS = pl.Schema({"feature_id": pl.String})
_KEYED = pl.Schema({"feature_id": pl.String, "key": pl.String})


class Minting:
    """The ids of what one publish adds. `read` answers queries about the layer; `keys` are those of all new features;
    `holds` says whether the feed has any features yet."""

    def __init__(
        self, read: Read, values: dict[str, object], layer: Layer, new: Slice, keys: pl.Series, *, holds: bool
    ) -> None:
        self._begin = f"{layer.id}|{new.council}|"
        self._feed, self._run = new.feed_id, new.run
        self._read, self._values = read, values
        self.ended = read("SELECT DISTINCT feature_id FROM {change} WHERE op = 'end' AND council = %(council)s", IDS)[
            "feature_id"
        ]
        """Ids of features that ended: one of them that is minted again brings its feature back."""
        others = "SELECT feature_id FROM {table} WHERE council = %(council)s AND feed_id <> %(feed)s"
        self._others = read(others, IDS)["feature_id"]
        self._spoilt = self._find_spoilt(keys, holds)

    def mint(self, keys: pl.Series) -> pl.Series:
        """An id for each key: a digest of council, layer and key, so that a database built anew gives the same thing
        the same address. Where another feed of the council holds it, the feed's id goes in too; where a feature that
        is known by another key has it, the run's number does."""
        minted = self._first(keys)
        if self._spoilt.is_empty():
            return minted
        salted = mint_ids("", minted + f"|{self._feed}|{self._run}")
        return salted.zip_with(minted.is_in(self._spoilt.implode()), minted)

    def _first(self, keys: pl.Series) -> pl.Series:
        minted = mint_ids(self._begin, keys)
        if self._others.is_empty():
            return minted
        theirs = mint_ids("", minted + f"|{self._feed}")
        return theirs.zip_with(minted.is_in(self._others.implode()), minted)

    def _find_spoilt(self, keys: pl.Series, holds: bool) -> pl.Series:
        """The ids among those to be minted that belong to a feature with another key."""
        if not holds and self.ended.is_empty():
            return self.ended
        minted = pl.DataFrame({"feature_id": self._first(keys), "new_key": keys})
        found = [self.ended.clear()]
        if holds:
            self._values["minted"] = _as_array(minted["feature_id"])
            query = (
                "SELECT feature_id FROM {table} JOIN unnest(%(minted)s::text[]) AS m (feature_id) USING (feature_id)"
            )
            found.append(self._read(query, IDS)["feature_id"])
        back = minted.filter(pl.col("feature_id").is_in(self.ended.implode()))
        if not back.is_empty():
            self._values["minted"] = _as_array(back["feature_id"])
            query = """
                SELECT DISTINCT ON (feature_id) feature_id, before ->> 'key' FROM {change}
                WHERE op = 'end' AND before IS NOT NULL AND feature_id = ANY (%(minted)s::text[])
                ORDER BY feature_id, id DESC
                """
            known = back.join(self._read(query, _KEYED), on="feature_id")
            found.append(known.filter(pl.col("key") != pl.col("new_key"))["feature_id"])
        return pl.concat(found)


def _as_array(ids: pl.Series) -> str:
    return f"{{{ids.str.join(',').item()}}}"
