"""What follows from pairs that are one thing: features are grouped, one of each group is preferred, and the others
say so in `duplicate_of`. All of a group name the rest in `also_published_by`: every source of a thing is kept."""

from collections.abc import Iterable, Mapping

import polars as pl
from psycopg import sql

from datasets.layer import Layer
from datasets.likeness import SAME
from datasets.store.layer_tables import SCHEMA, layer_table
from datasets.store.matching.borders import as_array, ends_of
from datasets.store.publishing.rows import Cursor, as_lines, copy_into, read_rows
from datasets.vocabulary import Cause, MatchDecision, Operation

AUTOMATIC = "automatic"
"""Who decided, where no person did."""

LINKS = pl.Schema(
    {"id": pl.Int64, "a": pl.String, "b": pl.String, "score": pl.Float64, "decision": pl.String, "by": pl.String}
)
_MEMBERS = pl.Schema(
    {"fid": pl.Int64, "feature_id": pl.String, "council": pl.String, "feed": pl.String, "is_outside": pl.Int8}
    | {"changed": pl.Float64, "filled": pl.Int32, "duplicate_of": pl.String, "others": pl.String}
)
_GROUPS = pl.Schema({"feature_id": pl.String, "group": pl.String})


Occasion = Mapping[str, object]
"""What a matching is part of: the `revision` of the layer that it belongs to, the moment `now`, and the `run` that
brought it about, or None."""


def regroup(cursor: Cursor, layer: Layer, occasion: Occasion, ids: pl.Series) -> pl.DataFrame:
    """Works out again which of these features, and of all they are linked with, are one thing, and writes what differs:
    decisions of automatic pairs, and `duplicate_of` and `also_published_by` of features, each recorded as a change.
    Where people's decisions about them contradict each other those are given, of schema LINKS."""
    grouping = _Grouping(cursor, layer, occasion)
    links = grouping.links(ids)
    members = grouping.members(pl.concat([ids, ends_of(links)]).unique())
    known = members["feature_id"].implode()
    links = links.filter(pl.col("a").is_in(known) & pl.col("b").is_in(known))
    is_apart = pl.col("decision") == MatchDecision.DIFFERENT
    groups, refused = group(links.filter(~is_apart), links.filter(is_apart), members)
    grouping.write_decisions(links.filter(~is_apart), refused)
    grouping.write_groups(_stated(members, groups))
    by_person = links.filter(pl.col("by") != AUTOMATIC)
    return by_person if by_person["id"].is_in(refused.implode()).any() else by_person.clear()


def group(links: pl.DataFrame, apart: pl.DataFrame, members: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The features that are one thing, as `feature_id` and `group`, and the ids of links that are not honoured: those
    that would join two that a person holds apart, and automatic ones that would join two features of one feed. People's
    links come first, then the best."""
    ends = pl.concat([links["a"], links["b"].alias("a")])
    crowded = ends.filter(ends.is_duplicated()).implode()
    is_simple = ~pl.col("a").is_in(crowded) & ~pl.col("b").is_in(crowded)
    simple, rest = links.filter(is_simple), links.filter(~is_simple)
    clusters, refused = _Clusters(members, apart, ends_of(rest)), []
    by_person = pl.col("by") != AUTOMATIC
    order = rest.with_columns(by_person=by_person).sort(
        "by_person", "score", "a", "b", descending=[True, True, False, False]
    )
    for number, a, b, forced in order.select("id", "a", "b", "by_person").iter_rows():
        if not clusters.join(a, b, forced):
            refused.append(number)
    alone = [simple.select(feature_id=side, group="a") for side in "ab"]
    return pl.concat([*alone, clusters.groups()]), pl.Series("id", refused, pl.Int64)


class _Clusters:
    """Features that are linked with more than one other, joined pair by pair; a few, and so one by one."""

    def __init__(self, members: pl.DataFrame, apart: pl.DataFrame, ids: pl.Series) -> None:
        known = members.filter(pl.col("feature_id").is_in(ids.implode()))
        self._of = {feature: {feature} for feature in known["feature_id"]}
        self._feed = dict(known.select("feature_id", "feed").iter_rows())
        self._apart: dict[str, set[str]] = {}
        for a, b in apart.select("a", "b").iter_rows():
            self._apart.setdefault(a, set()).add(b)
            self._apart.setdefault(b, set()).add(a)

    def join(self, a: str, b: str, forced: bool) -> bool:
        """Makes one cluster of two; not where people hold any of them apart, nor two of one feed unless `forced`."""
        one, other = self._of[a], self._of[b]
        if one is other:
            return True
        if any(self._apart.get(feature, set()) & other for feature in one):
            return False
        if not forced and self._feeds(one) & self._feeds(other):
            return False
        one |= other
        self._of |= dict.fromkeys(other, one)
        return True

    def groups(self) -> pl.DataFrame:
        rows = [(feature, min(cluster)) for feature, cluster in self._of.items() if len(cluster) > 1]
        return pl.DataFrame(rows, schema=_GROUPS, orient="row")

    def _feeds(self, cluster: Iterable[str]) -> set[str]:
        return {self._feed[feature] for feature in cluster}


def _stated(members: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """`fid`, `duplicate_of` and `also_published_by` (JSON) of those members that say something else yet.

    Preferred is what its own council's boundary holds, then what changed last, then what says most.
    """
    ranked = members.join(groups, on="feature_id", how="left").sort(
        "is_outside", "changed", "filled", "feature_id", descending=[False, True, True, False]
    )
    best = pl.col("feature_id").first().over("group")
    ranked = ranked.with_columns(
        preferred=pl.when(pl.col("group").is_not_null() & (best != pl.col("feature_id"))).then(best)
    )
    source = pl.struct(id="feature_id", council="council", feed="feed").struct.json_encode()
    sources = (
        ranked.filter(pl.col("group").is_not_null()).select("group", twin="feature_id", source=source).sort("twin")
    )
    twins = (
        ranked.select("feature_id", "group").join(sources, on="group").filter(pl.col("twin") != pl.col("feature_id"))
    )
    told = twins.group_by("feature_id", maintain_order=True).agg(
        now=pl.col("twin").sort(), source=pl.col("source").sort_by("twin")
    )
    told = told.select(
        "feature_id", pl.col("now").list.join(","), also_published_by="[" + pl.col("source").list.join(",") + "]"
    )
    stated = ranked.join(told, on="feature_id", how="left")
    differs = pl.col("duplicate_of").ne_missing(pl.col("preferred")) | pl.col("others").ne_missing(pl.col("now"))
    return stated.filter(differs).select("fid", "also_published_by", duplicate_of="preferred")


class _Grouping:
    """The statements of one regrouping."""

    def __init__(self, cursor: Cursor, layer: Layer, occasion: Occasion) -> None:
        self.cursor, self.layer = cursor, layer
        columns = [column.name for column in layer_table(layer).columns if column.name != "geom"]
        self.names = {
            "table": sql.Identifier(SCHEMA, layer.table),
            "fields": sql.SQL(", ").join(map(sql.Identifier, layer.fields)),
            "told": sql.SQL(", ").join(sql.Identifier("t", name) for name in columns),
        }
        self.values: dict[str, object] = {**occasion, "layer": layer.id, "same": SAME}

    def links(self, ids: pl.Series) -> pl.DataFrame:
        """The pairs that make these features one thing with others, and those with others and so on; and the pairs of
        all of them that a person holds apart."""
        return self._read(_LINKED, LINKS, ids=as_array(ids))

    def members(self, ids: pl.Series) -> pl.DataFrame:
        query = """
            SELECT fid, feature_id, council, feed_id, (coalesce(outside_m, 0) > 0)::int,
                   extract(epoch FROM changed_at), num_nonnulls({fields}), duplicate_of,
                   (SELECT string_agg(other ->> 'id', ',' ORDER BY other ->> 'id' COLLATE "C")
                    FROM jsonb_array_elements(also_published_by) other)
            FROM unnest(%(ids)s::text[]) AS wanted (feature_id) JOIN {table} USING (feature_id)
            """
        return self._read(query, _MEMBERS, ids=as_array(ids))

    def write_decisions(self, links: pl.DataFrame, refused: pl.Series) -> None:
        """An automatic pair that is not honoured is for a person to decide."""
        is_refused = pl.col("id").is_in(refused.implode())
        wanted = pl.when(is_refused).then(pl.lit(str(MatchDecision.OPEN))).otherwise(pl.lit(str(MatchDecision.SAME)))
        automatic = links.filter(pl.col("by") == AUTOMATIC).with_columns(wanted=wanted)
        differing = automatic.filter(pl.col("wanted") != pl.col("decision"))
        for decision in (MatchDecision.SAME, MatchDecision.OPEN):
            ids = differing.filter(pl.col("wanted") == decision)["id"]
            if len(ids):
                query = "UPDATE citywide.match_pair SET decision = %s, at = %s WHERE id = ANY (%s::bigint[])"
                self.cursor.execute(query, [decision, self.values["now"], as_array(ids)])

    def write_groups(self, stated: pl.DataFrame) -> None:
        """What was written in this revision already has been recorded in it."""
        if len(stated):
            self._execute(
                """
                CREATE TEMPORARY TABLE IF NOT EXISTS regrouped (fid bigint, also_published_by jsonb, duplicate_of text)
                ON COMMIT DROP;
                TRUNCATE regrouped
                """
            )
            copy_into(self.cursor, sql.Identifier("regrouped"), stated.columns, [as_lines(stated)])
            self._execute(_RECORD)
            self._execute(_REGROUP)
        self._execute(_COUNT)

    def _execute(self, statement: str) -> None:
        self.cursor.execute(sql.SQL(statement).format(**self.names), self.values)

    def _read(self, query: str, schema: pl.Schema, **values: object) -> pl.DataFrame:
        found = read_rows(self.cursor, sql.SQL(query).format(**self.names), {**self.values, **values}, schema)
        return found.with_columns(pl.col(pl.String).replace("", None))


_LINKED = f"""
    WITH RECURSIVE reached (id) AS (
        SELECT unnest(%(ids)s::text[]) COLLATE "C"
        UNION
        SELECT p.other
        FROM reached JOIN (
            SELECT a AS one, b AS other, decision, by, score FROM citywide.match_pair WHERE layer = %(layer)s
            UNION ALL
            SELECT b, a, decision, by, score FROM citywide.match_pair WHERE layer = %(layer)s
        ) p ON p.one = reached.id
        WHERE p.decision = '{MatchDecision.SAME}' OR (p.by = '{AUTOMATIC}' AND p.score >= %(same)s)
    )
    SELECT DISTINCT p.id, p.a, p.b, p.score, p.decision, p.by
    FROM reached JOIN citywide.match_pair p ON p.layer = %(layer)s AND p.a = reached.id
    WHERE p.decision <> '{MatchDecision.OPEN}' OR (p.by = '{AUTOMATIC}' AND p.score >= %(same)s)
"""  # noqa: S608
_RECORD = f"""
    INSERT INTO layers.change (layer, revision, cause, run, at, op, feature_id, council, feed_id, geom, fid,
                               first_revision, since, before)
    SELECT %(layer)s, %(revision)s, '{Cause.MATCH}',
           coalesce(%(run)s, (SELECT max(id) FROM citywide.run WHERE run.feed = t.feed_id), 0), %(now)s,
           '{Operation.UPDATE}', t.feature_id, t.council, t.feed_id, t.geom, t.fid, t.first_revision, t.revision,
           (SELECT to_jsonb(told) FROM (SELECT {{told}}) told)
    FROM regrouped r JOIN {{table}} t USING (fid)
    WHERE t.revision < %(revision)s ORDER BY t.fid
"""  # noqa: S608
_REGROUP = """
    UPDATE {table} t
    SET duplicate_of = r.duplicate_of, also_published_by = r.also_published_by, revision = %(revision)s
    FROM regrouped r WHERE t.fid = r.fid
"""
_COUNT = """
    UPDATE citywide.layer
    SET duplicates = (SELECT count(*) FROM {table} WHERE duplicate_of IS NOT NULL)
    WHERE id = %(layer)s
"""
