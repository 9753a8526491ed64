"""Finding what two councils, or two feeds of one, both publish: the pairs of a layer kept in step with its features.

Called in the transaction of whatever changed features, so that a pair and what follows from it are never of another
revision. What a person decided stays as it is; all other pairs around a change are worked out again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import polars as pl
import shapely
from psycopg import sql

from datasets.layer import Layer
from datasets.likeness import SAME, score_areas, score_points, told_by
from datasets.store.layer_tables import SCHEMA
from datasets.store.matching.borders import BULK, as_array, ends_of, near_pairs
from datasets.store.matching.duplicates import AUTOMATIC, LINKS, Occasion, regroup
from datasets.store.publishing.rows import Cursor, as_lines, copy_into, read_rows
from datasets.vocabulary import FieldType, GeometryKind, MatchDecision

_FEATURES = pl.Schema({"fid": pl.Int64, "feature_id": pl.String, "is_grouped": pl.Int8})
_STORED = pl.Schema({"id": pl.Int64, "a": pl.String, "b": pl.String, "decision": pl.String, "by": pl.String})
_SELECT_FEATURES = """
    SELECT fid, feature_id, (duplicate_of IS NOT NULL OR also_published_by IS NOT NULL)::int FROM {table}
    """
_OWNERS = pl.Schema({"feature_id": pl.String, "council": pl.String, "feed": pl.String})
_MANY = 1_000
"""After so many pairs are written the planner is told of them."""
_WANTED = ("a", "b", "score", "distance_m", "overlap", "evidence")


def match_neighbours(cursor: Cursor, layer: Layer, occasion: Occasion, feed: str | None = None) -> None:
    """Brings the layer's pairs in step with what was written or ended in the occasion's revision: of `feed` alone, or
    of whichever feed. Costs nothing where no other feed has features in the layer."""
    matching = _Matching(cursor, layer, occasion)
    if feed is None or matching.has_others(feed):
        matching.follow(matching.written(feed), matching.ended())


def match_again(cursor: Cursor, layer: Layer, occasion: Occasion, ids: pl.Series) -> pl.DataFrame:
    """Works the pairs of these features out again, as after a person's decision about them. Gives the decisions of
    people that contradict each other."""
    matching = _Matching(cursor, layer, occasion)
    return matching.follow(matching.features(ids), ids.clear())


def match_all(cursor: Cursor, layer: Layer, occasion: Occasion) -> pl.DataFrame:
    """Works all pairs of the layer out again, as after its definition changed; gives the same."""
    matching = _Matching(cursor, layer, occasion)
    return matching.follow(matching.features(None), pl.Series("a", [], pl.String))


class _Matching:
    """One matching: the cursor, the layer and what it is part of."""

    def __init__(self, cursor: Cursor, layer: Layer, occasion: Occasion) -> None:
        self.cursor, self.layer, self.occasion = cursor, layer, occasion
        self.told = told_by(layer)

    def has_others(self, feed: str) -> bool:
        """Whether another feed has features in the layer, or had some that are in pairs."""
        query = """
            SELECT EXISTS (SELECT FROM citywide.feed f WHERE f.layer = %(layer)s AND f.id <> %(feed)s
                           AND EXISTS (SELECT FROM {table} t WHERE t.feed_id = f.id))
                   OR EXISTS (SELECT FROM citywide.match_pair p WHERE p.layer = %(layer)s)
            """
        self.cursor.execute(self._composed(query), {"layer": self.layer.id, "feed": feed})
        return bool((self.cursor.fetchone() or (False,))[0])

    def written(self, feed: str | None) -> pl.DataFrame:
        """What was written in this revision, of schema _FEATURES."""
        where = "WHERE revision = %(revision)s" + (" AND feed_id = %(feed)s" if feed else "")
        values = {"revision": self.occasion["revision"], "feed": feed}
        return self._read(f"{_SELECT_FEATURES} {where}", _FEATURES, values)

    def ended(self) -> pl.Series:
        """The ids of features that ended in this revision."""
        query = (
            "SELECT feature_id FROM layers.change WHERE layer = %(layer)s AND revision = %(revision)s AND op = 'end'"
        )
        values = {"layer": self.layer.id, "revision": self.occasion["revision"]}
        return self._read(query, pl.Schema({"feature_id": pl.String}), values)["feature_id"].alias("a")

    def features(self, ids: pl.Series | None) -> pl.DataFrame:
        """Those of the features that there are; all for None."""
        where = "" if ids is None else "WHERE feature_id = ANY (%(ids)s::text[])"
        values = {} if ids is None else {"ids": as_array(ids)}
        return self._read(f"{_SELECT_FEATURES} {where}", _FEATURES, values)

    def follow(self, written: pl.DataFrame, ended: pl.Series) -> pl.DataFrame:
        """Works out all pairs around these features again; the decisions of people that contradict each other."""
        gone = pl.concat([written["feature_id"].alias("a"), ended])
        former = self._stored(gone)
        partners = ends_of(former)
        partners = partners.filter(~partners.is_in(gone.implode()))
        around = pl.concat([written, self.features(partners)]) if len(partners) else written
        near = near_pairs(self.cursor, self.layer, around["fid"])
        grouped = around.filter(pl.col("is_grouped") == 1)["feature_id"].alias("a")
        if near.is_empty() and former.is_empty() and grouped.is_empty():
            return LINKS.to_frame()
        pairs = self._scored(near)
        whole, centre = ends_of(pairs.ids), pl.concat([gone, partners]).implode()
        scope = ends_of(pairs.ids.filter(pl.col("a").is_in(centre) | pl.col("b").is_in(centre)))
        scope = pl.concat([scope, ends_of(former), ended, grouped]).unique()
        stored = self._stored(pl.concat([whole, scope]).unique())
        best = self._best(pairs.scored, stored.filter(pl.col("by") != AUTOMATIC))
        automatic = stored.filter((pl.col("by") == AUTOMATIC) & _within(scope))
        self._replace(automatic, best.filter(_within(scope)))
        # Whoever has lost a partner is to know it too.
        scope = pl.concat([scope, ends_of(automatic)]).unique()
        return regroup(self.cursor, self.layer, self.occasion, scope)

    def _stored(self, ids: pl.Series) -> pl.DataFrame:
        """The pairs that are kept of these features; of many, all there are."""
        wanted = "" if len(ids) >= BULK else "AND (a = ANY (%(ids)s::text[]) OR b = ANY (%(ids)s::text[]))"
        query = f"SELECT id, a, b, decision, by FROM citywide.match_pair WHERE layer = %(layer)s {wanted}"  # noqa: S608
        stored = self._read(query, _STORED, {"layer": self.layer.id, "ids": as_array(ids if wanted else ids.clear())})
        return stored if wanted else stored.filter(_within(ids))

    def _scored(self, near: pl.DataFrame) -> "_Pairs":
        """The near pairs, and those of them that may be one thing with their scores; both by feature id."""
        sides = self._sides(ends_of(near))
        pairs = _turned(near, sides.select("fid", "id"))
        for side in "ab":
            pairs = pairs.join(sides.select(pl.all().name.suffix(f"_{side}")), on=f"fid_{side}", how="inner")
        repeats = [
            (pl.len().over(f"fid_{other}", f"feed_{side}", f"{name}_{side}") > 1).alias(f"{name}_repeats_{side}")
            for name in self.told["numbers"]
            for side, other in ("ab", "ba")
        ]
        pairs = pairs.with_columns(repeats)
        if self.layer.geometry is GeometryKind.AREA:
            scored = self._areas_scored(pairs)
        else:
            scored = score_points(self.layer, pairs)
        named = {"id_a": "a", "id_b": "b"}
        return _Pairs(pairs.select(a="id_a", b="id_b"), scored.rename(named))

    def _sides(self, fids: pl.Series) -> pl.DataFrame:
        """What likeness is read from, of each feature."""
        fields = ("name", *self.told["numbers"], *self.told["words"], *self.told["kinds"])
        schema = {"fid": pl.Int64, "id": pl.String, "council": pl.String, "feed": pl.String}
        schema |= {"x": pl.Float64, "y": pl.Float64, **dict.fromkeys(fields, pl.String)}
        query = """
            SELECT fid, feature_id, council, feed_id, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)), {fields}
            FROM unnest(%(fids)s::bigint[]) AS wanted (fid) JOIN {table} t USING (fid)
            """
        columns = sql.SQL(", ").join(map(self._as_text, dict.fromkeys(fields)))
        return self._read(query, pl.Schema(schema), {"fids": as_array(fids)}, columns)

    def _as_text(self, name: str) -> sql.Composed:
        form = "array_to_string({}, '|')" if self.layer.fields[name].type is FieldType.CODES else "{}"
        return sql.SQL(form).format(sql.Identifier(name))

    def _areas_scored(self, pairs: pl.DataFrame) -> pl.DataFrame:
        query = """
            SELECT fid, ST_AsBinary(ST_MakeValid(ST_Transform(geom, 27700)))
            FROM unnest(%s::bigint[]) AS wanted (fid) JOIN {table} USING (fid)
            """
        ends = pl.concat([pairs["fid_a"], pairs["fid_b"]]).unique()
        self.cursor.execute(self._composed(query), [as_array(ends)])
        rows = self.cursor.fetchall()
        order = pl.DataFrame({"fid": [row[0] for row in rows]}, schema={"fid": pl.Int64}).with_row_index("place")
        shapes = shapely.from_wkb([cast(bytes, row[1]) for row in rows])
        found = (
            pairs.join(order, left_on=f"fid_{side}", right_on="fid", how="left", maintain_order="left") for side in "ab"
        )
        a, b = (shapes[joined["place"].to_numpy()] for joined in found)
        return score_areas(self.layer, pairs, a, b)

    def _best(self, scored: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
        """The pairs in which each is the other's best, but for what people decided: of each other council a feature has
        one partner at most, and of each other feed of its own council."""
        free = scored.join(decided, on=["a", "b"], how="anti")
        owners = self._owners(ends_of(decided.filter(pl.col("decision") == MatchDecision.SAME)))
        settled = decided.filter(pl.col("decision") == MatchDecision.SAME)
        for side in "ab":
            named = {"feature_id": side, "council": f"council_{side}", "feed": f"feed_{side}"}
            settled = settled.join(owners.rename(named), on=side, how="inner")
        free = free.sort("score", "distance_m", "overlap", "a", "b", descending=[True, False, True, False, False])
        ranked = _both_ways(free.with_row_index("pair")).join(
            _both_ways(settled.with_row_index("pair")), on=["one", "whose"], how="anti", maintain_order="left"
        )
        # Whoever has no choice left of one side has none on the other.
        ranked = ranked.filter(pl.len().over("pair") == 2)
        first = ranked.unique(["one", "whose"], keep="first", maintain_order=True)
        mutual = first.group_by("pair").len().filter(pl.col("len") == 2)
        return free.with_row_index("pair").join(mutual, on="pair", how="semi").select(_WANTED)

    def _owners(self, ids: pl.Series) -> pl.DataFrame:
        query = "SELECT feature_id, council, feed_id FROM {table} WHERE feature_id = ANY (%(ids)s::text[])"
        return self._read(query, _OWNERS, {"ids": as_array(ids)})

    def _replace(self, stored: pl.DataFrame, wanted: pl.DataFrame) -> None:
        """Writes the automatic pairs that are wanted, and takes away those that no longer are."""
        dropped = stored.join(wanted, on=["a", "b"], how="anti")["id"]
        if len(dropped):
            self.cursor.execute("DELETE FROM citywide.match_pair WHERE id = ANY (%s::bigint[])", [as_array(dropped)])
        if wanted.is_empty():
            return
        self.cursor.execute(
            """
            CREATE TEMPORARY TABLE IF NOT EXISTS wanted_pair (a text, b text, score double precision,
                distance_m double precision, overlap double precision, evidence text) ON COMMIT DROP;
            TRUNCATE wanted_pair
            """
        )
        copy_into(self.cursor, sql.Identifier("wanted_pair"), _WANTED, [as_lines(wanted.select(_WANTED))])
        values = {"layer": self.layer.id, "now": self.occasion["now"], "same": SAME}
        self.cursor.execute(_WRITE_PAIRS, values)
        if len(wanted) >= _MANY:
            self.cursor.execute("ANALYZE citywide.match_pair")

    def _composed(self, query: str, **names: sql.Composable) -> sql.Composed:
        return sql.SQL(query).format(table=sql.Identifier(SCHEMA, self.layer.table), **names)

    def _read(
        self, query: str, schema: pl.Schema, values: Mapping[str, object], fields: sql.Composable | None = None
    ) -> pl.DataFrame:
        found = read_rows(self.cursor, self._composed(query, fields=fields or sql.SQL("")), values, schema)
        return found.with_columns(pl.col(pl.String).replace("", None))


@dataclass(frozen=True)
class _Pairs:
    """`ids`: all near pairs as `a` and `b`; `scored`: those that may be one thing, with what both sides are."""

    ids: pl.DataFrame
    scored: pl.DataFrame


def _turned(near: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """The pairs as `fid_a` and `fid_b`, the one with the lower id first."""
    for side in "ab":
        near = near.join(ids.rename({"fid": side, "id": f"id_{side}"}), on=side, how="inner")
    turned = pl.col("id_a") > pl.col("id_b")
    return near.select(
        fid_a=pl.when(turned).then("b").otherwise("a"),
        fid_b=pl.when(turned).then("a").otherwise("b"),
    )


def _both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    """Each pair twice, seen from `one` of its features: `whose` feature the other is."""
    is_neighbour = pl.col("council_a") != pl.col("council_b")
    seen = [
        pairs.select(
            "pair",
            one=pl.col(one),
            whose=pl.when(is_neighbour).then(f"council_{other}").otherwise(f"feed_{other}"),
        )
        for one, other in ("ab", "ba")
    ]
    return pl.concat(seen).sort("pair", maintain_order=True)


def _within(ids: pl.Series) -> pl.Expr:
    return pl.col("a").is_in(ids.implode()) | pl.col("b").is_in(ids.implode())


_WRITE_PAIRS = f"""
    INSERT INTO citywide.match_pair AS p (layer, a, b, score, distance_m, overlap, evidence, decision, by, at)
    SELECT %(layer)s, a, b, score, distance_m, overlap, evidence,
           CASE WHEN score >= %(same)s THEN '{MatchDecision.SAME}' ELSE '{MatchDecision.OPEN}' END,
           '{AUTOMATIC}', %(now)s
    FROM wanted_pair
    ON CONFLICT (layer, a, b) DO UPDATE
    SET score = excluded.score, distance_m = excluded.distance_m, overlap = excluded.overlap,
        evidence = excluded.evidence,
        decision = CASE WHEN excluded.score >= %(same)s AND p.score >= %(same)s THEN p.decision
                        ELSE excluded.decision END
    WHERE p.by = '{AUTOMATIC}' AND (p.score, p.distance_m, p.overlap, p.evidence)
          IS DISTINCT FROM (excluded.score, excluded.distance_m, excluded.overlap, excluded.evidence)
"""  # noqa: S608
