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
    `holds` says whether the feed has any features yet. What is asked of the server is these ids alone: it costs what
    the new features cost, however many others of the layer stand or have ended."""

    def __init__(
        self, read: Read, values: dict[str, object], layer: Layer, new: Slice, keys: pl.Series, *, holds: bool
    ) -> None:
        self._begin = f"{layer.id}|{new.council}|"
        self._feed, self._run = new.feed_id, new.run
        self._read, self._values = read, values
        nothing = pl.Series("feature_id", [], pl.String)
        self._others = self._spoilt = nothing
        self.ended = nothing
        """Which of the ids had ended: one of them that is minted again brings its feature back."""
        stands, has_ended = (not read(query, IDS).is_empty() for query in (_ANY_STANDS, _ANY_ENDED))
        if stands:
            self._others = self._look_up(_OTHERS, mint_ids(self._begin, keys))["feature_id"]
        if has_ended or holds:
            minted = pl.DataFrame({"feature_id": self._first(keys), "new_key": keys})
            if has_ended:
                self.ended = self._look_up(_ENDED, minted["feature_id"])["feature_id"]
            self._spoilt = self._find_spoilt(minted, holds)

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

    def _find_spoilt(self, minted: pl.DataFrame, holds: bool) -> pl.Series:
        """The ids among those to be minted that belong to a feature with another key."""
        found = [self.ended.clear()]
        if holds:
            found.append(self._look_up(_STANDING, minted["feature_id"])["feature_id"])
        back = minted.filter(pl.col("feature_id").is_in(self.ended.implode()))
        if not back.is_empty():
            known = back.join(self._look_up(_KNOWN, back["feature_id"], _KEYED), on="feature_id")
            found.append(known.filter(pl.col("key") != pl.col("new_key"))["feature_id"])
        return pl.concat(found)

    def _look_up(self, query: str, ids: pl.Series, schema: pl.Schema = IDS) -> pl.DataFrame:
        self._values["minted"] = f"{{{ids.str.join(',').item()}}}"
        return self._read(query, schema)


_ANY_STANDS = "SELECT feature_id FROM {table} LIMIT 1"
_ANY_ENDED = "SELECT feature_id FROM {change} WHERE layer = %(layer)s AND op = 'end' LIMIT 1"
_MINTED = "unnest(%(minted)s::text[]) AS m (feature_id)"
_STANDING = f"SELECT feature_id FROM {{table}} JOIN {_MINTED} USING (feature_id)"  # noqa: S608
_OTHERS = f"{_STANDING} WHERE feed_id <> %(feed)s"
_ENDED = f"""
    SELECT DISTINCT feature_id FROM {{change}} JOIN {_MINTED} USING (feature_id)
    WHERE layer = %(layer)s AND op = 'end'
    """  # noqa: S608
_KNOWN = f"""
    SELECT DISTINCT ON (feature_id) feature_id, before ->> 'key' FROM {{change}} JOIN {_MINTED} USING (feature_id)
    WHERE layer = %(layer)s AND op = 'end' AND before IS NOT NULL
    ORDER BY feature_id, id DESC
    """  # noqa: S608
