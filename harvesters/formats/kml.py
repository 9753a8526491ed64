"""KML: folders of one kind are read as one, and what was meant for a balloon on a globe becomes columns."""

from html import unescape
from html.parser import HTMLParser

import polars as pl

from harvesters.batch import DeclaredCrs, Opened
from harvesters.formats.features import build_features
from harvesters.formats.gdal import list_layers, read_layer
from harvesters.formats.layers import chosen_layers, joined
from harvesters.formats.source import Source
from harvesters.formats.wellformed import refuse_bad_xml

STYLING = frozenset({"altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon"})
TABLE_HEADS = {("field name", "field value"), ("name", "value"), ("field", "value"), ("attribute", "value")}
OFTEN_EMPTY = frozenset({"id", "Name", "description", "timestamp", "begin", "end", "snippet"})


def read_kml(source: Source) -> Opened:
    """The placemarks of a KML document. Columns that only say how to draw are left out."""
    refuse_bad_xml(source)
    path = source.linked(".kml")
    layers = list_layers(path, source, "LIBKML")
    chosen = chosen_layers(layers, source, ignored=STYLING | OFTEN_EMPTY)
    layer, issues = joined(chosen, layers, lambda one: read_layer(path, source, one))
    columns = layer.columns.drop([name for name in STYLING if name in layer.columns])
    empty = [name for name in OFTEN_EMPTY if name in columns.columns and columns[name].is_null().all()]
    return build_features(
        _with_table(columns.drop(empty)),
        layer.geometry,
        format="KML",
        crs=DeclaredCrs(4326, "KML", "OGC:CRS84"),
        issues=issues,
        unreadable=layer.unreadable,
        curves=layer.curves,
        layer_name=layer.name,
        encoding="utf-8",
    )


def _with_table(columns: pl.DataFrame) -> pl.DataFrame:
    """The columns, with `description` turned from HTML into columns where it is a table of names and values, and
    into plain text where not."""
    if "description" not in columns.columns:
        return columns
    written = columns["description"].to_list()
    read = [_Balloon.of(text) if text else _Balloon() for text in written]
    tabular = sum(bool(balloon.pairs) for balloon in read)
    if tabular * 2 <= sum(text is not None for text in written):
        plain = pl.Series("description", [balloon.text for balloon in read], dtype=pl.String)
        return columns.with_columns(plain)
    names = dict.fromkeys(name for balloon in read for name in balloon.pairs)
    added = {
        name if name not in columns.columns else f"{name} (description)": [b.pairs.get(name) for b in read]
        for name in names
    }
    left = pl.Series("description", [None if b.pairs else b.text for b in read], dtype=pl.String)
    columns = columns.with_columns(left)
    if left.is_null().all():
        columns = columns.drop("description")
    return columns.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in added.items())


class _Balloon(HTMLParser):
    """One description: its text, and the rows of its tables that are a name and a value."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pairs: dict[str, str | None] = {}
        self.words: list[str] = []
        self.rows: list[list[list[str]]] = []
        self.hidden = 0

    @classmethod
    def of(cls, html: str) -> "_Balloon":
        balloon = cls()
        balloon.feed(html)
        balloon.close()
        return balloon

    @property
    def text(self) -> str | None:
        lines = (" ".join(line.split()) for line in "".join(self.words).split("\n"))
        return "\n".join(line for line in lines if line) or None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append([])
        elif tag in ("style", "script", "title"):
            self.hidden += 1
        if tag in ("br", "p", "div", "tr", "li", "h1", "h2", "h3"):
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self.rows:
            cells = [" ".join("".join(cell).split()) for cell in self.rows.pop()]
            is_pair = len(cells) == 2 and 0 < len(cells[0]) <= 100 and tuple(map(str.lower, cells)) not in TABLE_HEADS
            if is_pair and cells[0] not in self.pairs:
                self.pairs[cells[0]] = None if cells[1] in ("", "<Null>", "Null") else unescape(cells[1])
        elif tag in ("style", "script", "title"):
            self.hidden = max(0, self.hidden - 1)
        elif tag in ("td", "th"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        self.words.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1].append(data)
