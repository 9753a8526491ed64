"""How the rows of one ArcGIS layer are asked for, and what its answers mean.

By offset where the layer can, else by ranges of its object ids. An answer with status 200 may be an error, a page may
be short or empty though more follow, and a server may give fewer rows than asked for: none of these is the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from datasets.errors import RunFailed
from harvesters.adapters.contract import Cursor, Page
from harvesters.platforms.contents import content_keys, json_content
from harvesters.web.ask import Refused, Request, ServerTrouble
from harvesters.web.json_text import read_json

LONGEST_URL = 2_000
"""A longer question is sent as a form: servers and the proxies before them cut longer addresses off."""
MOST_IDS = 1_000
"""Rows in one range of ids, where a layer cannot page."""
MOST_EMPTY = 2
"""Empty pages in a row that say more follow, before the read ends without proof."""

_VAGUE = ("", "unable to complete operation", "unable to perform query operation", "failed to execute query",
          "error performing query operation", "unable to complete query operation")  # fmt: skip
"""What a server says with code 400 when it is only out of breath (openaddresses/pyesridump#32 and #53)."""


@dataclass
class LayerPages:
    """The rows of a layer that answer a condition. `oid` is its field of object ids, empty when it has none; `count` is
    how many rows there should be, None when nobody knows. `coded`: its description is asked for before its rows,
    because only there are the names that coded values stand for."""

    url: str
    size: int
    oid: str
    where: str = "1=1"
    count: int | None = None
    paged: bool = True
    sorted: bool = True
    shapes: bool = True
    coded: bool = False
    ending: str = ".json"
    first: Cursor = field(init=False)

    def __post_init__(self) -> None:
        by = "offset" if self.paged else "ids"
        self.first = {"description": by} if self.coded else self._begin(by)

    def request(self, cursor: Cursor, size: int) -> Request:
        if "description" in cursor:
            return Request(f"{self.url}?f=json")
        if "ids" in cursor:
            return self._query({"where": self.where, "returnIdsOnly": "true"})
        # Shapes come in the layer's own reference system: a server's way of turning one into another is not ours, and
        # Esri's for the National Grid may be metres off. True curves are no shapes that anybody else can read.
        wanted: dict[str, object] = {"where": self.where, "outFields": "*", "returnGeometry": str(self.shapes).lower()}
        if self.shapes:
            wanted["returnTrueCurves"] = "false"
        if "cuts" in cursor:
            begin, end = _range(cursor, size)
            wanted["where"] = f"({self.where}) AND {self.oid}>={begin} AND {self.oid}<{end}"
        if self.oid and self.sorted and "whole" not in cursor:
            wanted["orderByFields"] = f"{self.oid} ASC"
        if "offset" in cursor:
            wanted |= {"resultOffset": cursor["offset"], "resultRecordCount": size}
        return self._query(wanted)

    def read(self, cursor: Cursor, size: int, body: bytes) -> Page:
        plain = answered(self.url, body)
        if "description" in cursor:
            return Page(0, (), self._begin(cursor["description"]))
        if "ids" in cursor:
            return self._read_ids(plain, size)
        features = plain.get("features")
        if not isinstance(features, list):
            raise RunFailed("E-PLATFORM", f"{urlsplit(self.url).netloc} answered a query without features.")
        page = Page(len(features), self._keys(features), None, hashed=not self.oid)
        more = exceeded(plain)
        if "cuts" in cursor:
            return self._read_range(cursor, size, page, more)
        if "whole" in cursor:
            return replace(page, ended="" if more else "all in one answer")
        return self._read_page(cursor, size, page, more)

    def instead(self, cursor: Cursor, refusal: str) -> Cursor | None:
        """By ids where there are any, at last everything at once."""
        if "description" in cursor:
            return self._begin(cursor["description"])
        if "whole" in cursor:
            return None
        if "offset" in cursor and self.oid:
            return {"description": "ids"} if self.coded else self._begin("ids")
        return {"whole": True}

    def _begin(self, by: str) -> Cursor:
        if by == "offset":
            return {"offset": 0}
        return {"ids": True} if self.oid else {"whole": True}

    def _query(self, wanted: Mapping[str, object]) -> Request:
        form = {**{name: str(value) for name, value in wanted.items()}, "f": "json"}
        url = f"{self.url}/query?{urlencode(form)}"
        return Request(url) if len(url) <= LONGEST_URL else Request(f"{self.url}/query", form=form)

    def _keys(self, features: Sequence[Any]) -> Sequence[str]:
        """The object id of each row, the text None where one has none; hashes where the layer has no ids."""
        if not self.oid:
            return content_keys(map(json_content, features))
        oid = self.oid
        try:
            return [str(feature["attributes"][oid]) for feature in features]
        except (KeyError, TypeError):
            rows = [feature.get("attributes") if isinstance(feature, dict) else None for feature in features]
            return [str((row or {}).get(oid)) for row in rows]

    def _read_page(self, cursor: Cursor, size: int, page: Page, more: bool | None) -> Page:
        """The next page begins after the rows received, however many were asked for."""
        offset = cursor["offset"] + page.rows
        missing = self.count is not None and offset < self.count
        if page.rows:
            # Some say nothing when they cap a page, and some deny it (koopjs/FeatureServer#62): then the declared count
            # tells, or where there is none a further page, which must be empty.
            if more or missing or (more is None and self.count is None):
                return replace(page, next={"offset": offset})
            return replace(page, ended="exceededTransferLimit is not set")
        if not more or (self.count is not None and not missing):
            return replace(page, ended="an empty page")
        # Zero rows may come though more follow, because the page was filtered after it was cut: Esri's documentation of
        # Query (Feature Service/Layer), exceededTransferLimit; quoted in Esri/esri-leaflet#786.
        empty = cursor.get("empty", 0) + 1
        if empty > MOST_EMPTY:
            return page
        return replace(page, next={"offset": offset + (size if empty == MOST_EMPTY else 0), "empty": empty})

    def _read_ids(self, plain: Mapping[str, Any], size: int) -> Page:
        ids = plain.get("objectIds") or []
        if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
            raise RunFailed("E-PLATFORM", f"{urlsplit(self.url).netloc} does not list the ids of its rows.")
        if not ids:
            return Page(0, (), None, "no ids")
        ids.sort()
        chunk = min(size, MOST_IDS)
        cuts = [*ids[::chunk], ids[-1] + 1]
        return Page(0, (), {"cuts": cuts, "from": cuts[0], "chunk": chunk, "left": len(ids)})

    def _read_range(self, cursor: Cursor, size: int, page: Page, more: bool | None) -> Page:
        begin, end = _range(cursor, size)
        if more and end - begin > 1:
            raise ServerTrouble("E-TRUNCATED", f"{urlsplit(self.url).netloc} does not give {size:,} rows at once.")
        cuts = cursor["cuts"][1:] if end == cursor["cuts"][1] else cursor["cuts"]
        left = cursor["left"] - page.rows
        if len(cuts) == 1:
            return replace(page, ended="every id was asked for" if left == 0 else "")
        return replace(page, next={**cursor, "cuts": cuts, "from": end, "left": left})


def answered(url: str, body: bytes) -> dict[str, Any]:
    """The answer's members. An error told with status 200 is raised: ServerTrouble when it may pass, Refused when the
    question cannot be answered, RunFailed when it is no answer at all or not for us."""
    host = urlsplit(url).netloc
    try:
        plain = read_json(body, host)
    except ValueError:
        raise RunFailed("E-NOTDATA", f"{host} answered with something that is not JSON.") from None
    if not isinstance(plain, dict):
        raise RunFailed("E-PLATFORM", f"{host} does not answer as an ArcGIS service does.")
    error = plain.get("error") or (plain if plain.get("status") == "error" else None)
    if error:
        raise _fault(host, error if isinstance(error, dict) else {"message": error})
    return plain


def exceeded(plain: Mapping[str, Any]) -> bool | None:
    """Whether more rows follow; None when the answer does not say. GeoJSON has it among its properties."""
    beside = plain.get("properties")
    said = plain.get("exceededTransferLimit", beside.get("exceededTransferLimit") if isinstance(beside, dict) else None)
    return None if said is None else bool(said)


def _fault(host: str, error: Mapping[str, Any]) -> RunFailed:
    code = error.get("code")
    code = code if isinstance(code, int) else 400
    details = error.get("details") or error.get("messages") or []
    parts = [error.get("message") or "", *(details if isinstance(details, list) else [details])]
    words = [" ".join(str(part).split()).rstrip(".") for part in parts]
    said = ". ".join(dict.fromkeys(word for word in words if word))[:300]
    if code in (401, 403, 498, 499):
        wants = {498: "says our token is not valid", 499: "wants a token"}.get(code, "does not let us read this")
        return RunFailed("E-AUTH", f"{host} {wants} ({code}){': ' + said if said else ''}.")
    if code == 429 or code >= 500 or (code == 400 and all(word.lower() in _VAGUE for word in words)):
        return ServerTrouble("E-PLATFORM", f"{host} answered with error {code}{': ' + said if said else ''}.")
    return Refused("E-PLATFORM", f"{host} refuses the question ({code}){': ' + said if said else ''}.", said, code)


def _range(cursor: Cursor, size: int) -> tuple[int, int]:
    """The first id of the range and the one after its last; a part of it when the server cannot cope with all."""
    begin, end = int(cursor["from"]), int(cursor["cuts"][1])
    whole = end - int(cursor["cuts"][0])
    if size < cursor["chunk"]:
        end = min(end, begin + max(1, whole * size // int(cursor["chunk"])))
    return begin, end
