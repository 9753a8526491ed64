"""The map stage: source columns become fields, by the mapping the feed states or by one that is proposed."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from datasets.errors import RunHeld
from datasets.feed import Converter, Feed, FieldRule, LocationKind
from datasets.issues import Issues, feed_issue
from datasets.layer import Layer
from datasets.vocabulary import Action
from harvesters.batch import ROW_NO, Batch, Opened
from harvesters.columns.mapping import SURE, MappedField, MappedLocation, Mapping, Renamed
from harvesters.columns.memory import Memory
from harvesters.columns.profile import SAMPLE_ROWS, profile
from harvesters.columns.propose import propose_fields
from harvesters.columns.standing import standing
from harvesters.locate import find_location
from harvesters.surroundings import Surroundings
from harvesters.type import share_valid
from harvesters.values.weekdays import name_days

NO_LOCATION = "no location"


def propose(
    feed: Feed, layer: Layer, opened: Opened, surroundings: Surroundings, memory: Memory | None = None
) -> Mapping:
    """The mapping to use: what the feed states, then what is settled of its columns, then proposals for the rest.
    RunHeld when the feed names columns that the file does not have."""
    memory = memory or Memory()
    kept = standing(feed, layer, opened, memory)
    _check_stated_columns(feed, opened, kept.renamed)
    location = _location(feed, opened, surroundings)
    taken = _columns_of(location)
    stated = [MappedField(name, rule, 1.0, "stated in the feed") for name, rule in feed.mapping.items()]
    decided = (*stated, *kept.fields)
    used = {column for mapped in decided for column in mapped.rule.sources}
    filled = {mapped.field for mapped in decided}
    proposed = [m for m in propose_fields(layer, opened, taken | used, memory.votes) if m.field not in filled]
    fields = (*decided, *(mapped for mapped in proposed if mapped.confidence >= SURE))
    unsure = tuple(mapped for mapped in proposed if mapped.confidence < SURE)
    seen = taken | {column for mapped in fields for column in mapped.rule.sources}
    unmapped = tuple(column for column in opened.columns if column not in seen)
    mapping = Mapping(fields, location, unmapped, bool(feed.mapping or feed.location), unsure, kept.renamed)
    return _with_profiles(mapping, layer, opened)


def _columns_of(location: MappedLocation | None) -> set[str]:
    """The columns that say where things are, and so are no field. A postcode may be both."""
    ways = (location.location, *location.alternatives) if location else ()
    return {column for way in ways if way.kind is not LocationKind.POSTCODE for column in way.columns}


def _with_profiles(mapping: Mapping, layer: Layer, opened: Opened) -> Mapping:
    """With what the columns that are used look like, for the next run to compare with."""
    sample = opened.records.head(SAMPLE_ROWS)
    used = [*(mapping.location.location.columns if mapping.location else ())]
    used += [column for mapped in mapping.fields for column in mapped.rule.sources]
    profiles = {column: profile(sample[column]) for column in dict.fromkeys(used)}
    valid = {
        mapped.field: round(share_valid(layer.fields[mapped.field], _convert(mapped.rule, sample)), 3)
        for mapped in mapping.fields
    }
    return replace(mapping, profiles=profiles, valid=valid)


def apply(mapping: Mapping, opened: Opened) -> tuple[Batch, Issues]:
    """The rows with the layer's field names, still as text, parallel to the resource's records."""
    columns = {mapped.field: _convert(mapped.rule, opened.records).alias(mapped.field) for mapped in mapping.fields}
    frame = opened.records.select(ROW_NO).with_columns(**columns)
    empty = {column for column in mapping.unmapped if frame.height and opened.records[column].is_null().all()}
    issues = [
        feed_issue(
            "W-COLUMN-UNMAPPED",
            f"Column {column!r} is empty in this file." if column in empty else f"Column {column!r} is not used.",
            action=Action.DROPPED,
            field=column,
        )
        for column in mapping.unmapped
    ]
    return Batch(frame, opened.geometry), issues


def check_is_sure(mapping: Mapping, layer: Layer, opened: Opened, drifted: Sequence[tuple[str, str]] = ()) -> None:
    """RunHeld unless each thing the layer cannot do without is surely mapped. Where columns have `drifted`, that is
    why, and is what a person reads first."""
    try:
        _check_needs(mapping, layer, opened)
    except RunHeld as held:
        if not drifted:
            raise
        [(code, told), *_] = drifted
        raise RunHeld(held.code if held.code == NO_LOCATION else code, f"{told} {held}") from None


def _check_needs(mapping: Mapping, layer: Layer, opened: Opened) -> None:
    for group in layer.needs:
        found = [mapped for name in group if (mapped := mapping.find(name))]
        names = " or ".join(layer.fields[name].title.lower() for name in group)
        if not found:
            columns = ", ".join(opened.columns[:12])
            raise RunHeld(
                "E-FIELD-MISSING",
                f"No column gives the {names}. The file's columns are: {columns}. If one of them does, state it "
                f"with --map {group[0]}=COLUMN.",
            )
        likely = max(found, key=lambda mapped: mapped.confidence)
        if likely.confidence < SURE:
            raise RunHeld(
                "E-MAPPING-UNSURE",
                f"Column {likely.rule.sources[0]!r} may be the {names}, but that is only {likely.confidence:.0%} sure; "
                f"state it with --map {likely.field}=COLUMN.",
            )
    if mapping.location is None:
        raise RunHeld(NO_LOCATION, "The file has no coordinates, and no postcodes that the gazetteer knows.")
    if mapping.location.confidence < 0.6:
        columns = " and ".join(mapping.location.location.columns)
        raise RunHeld("E-MAPPING-UNSURE", f"It is not sure that {columns} are the coordinates; state it in the feed.")


def other_layer(layer: Layer, opened: Opened) -> str | None:
    """Says so when the file's own layer has the name of another: a service may answer with its flood zones."""
    name = re.sub(r"[^a-z0-9]+", " ", (opened.layer_name or "").lower())
    other = next((word for word in layer.other_layers if re.search(rf"\b{re.escape(word)}", name)), None)
    if not other or any(re.search(rf"\b{re.escape(word)}\b", name) for word in layer.keywords):
        return None
    return f"The file's own layer is called {opened.layer_name!r}, which is not {layer.title.lower()}."


def _check_stated_columns(feed: Feed, opened: Opened, renamed: Sequence[Renamed]) -> None:
    wanted = {column for rule in feed.mapping.values() for column in rule.sources}
    wanted |= set(feed.location.columns) if feed.location else set()
    if lost := sorted(wanted - set(opened.columns)):
        now = [f"{one.old!r} seems to be called {one.new!r} now" for one in renamed if one.old in lost]
        raise RunHeld(
            "W-SCHEMA-DRIFT",
            f"The feed's mapping names {', '.join(map(repr, lost))}, which the file does not have; "
            f"its columns are: {', '.join(opened.columns[:20])}." + "".join(f" {told}." for told in now),
        )


def _location(feed: Feed, opened: Opened, surroundings: Surroundings) -> MappedLocation | None:
    if feed.location is not None:
        return MappedLocation(feed.location, 1.0, "stated in the feed")
    found = find_location(opened, surroundings)
    if found is None:
        return None
    return MappedLocation(found.location, found.confidence, found.evidence, found.alternatives)


def _convert(rule: FieldRule, records: pl.DataFrame) -> pl.Series:
    if rule.constant is not None:
        return pl.select(pl.lit(rule.constant).repeat_by(records.height).explode()).to_series()
    sources = [records[column] for column in rule.sources]
    match rule.converter:
        case Converter.JOIN:
            trimmed = [source.str.strip_chars(" ,\u00a0").replace("", None) for source in sources]
            named = name_days(rule.columns, trimmed)
            joined = pl.concat_str(named, separator=rule.separator, ignore_nulls=True)
            return pl.select(pl.when(joined != "").then(joined)).to_series()
        case Converter.FIRST_OF:
            return pl.select(pl.coalesce(sources)).to_series()
        case Converter.LOOKUP:
            return sources[0].replace(dict(rule.values))
        case Converter.HTML_TEXT:
            return sources[0].str.replace_all(r"<[^>]*>", " ").map_elements(html.unescape, return_dtype=pl.String)
        case Converter.PENCE:
            # As pence, which the type stage reads as money, and refuses where it is none.
            return sources[0].str.replace(r"^\s*(\d+(?:\.\d+)?)\s*$", "${1}p")
        case Converter.PRESENT:
            return sources[0].is_not_null().cast(pl.String)
        case Converter.CONTAINS:
            words = "|".join(re.escape(word) for word in rule.words)
            return sources[0].str.contains(f"(?i){words}").cast(pl.String)
        case None:
            return sources[0]
