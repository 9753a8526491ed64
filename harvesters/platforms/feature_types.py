"""What a WFS says of its feature types in XML: the schema that DescribeFeatureType answers with, and capabilities put
into a form that OWSLib can read whatever a server left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

KEY_NAMES = ("objectid", "ogc_fid", "gid", "fid", "id", "uprn", "reference", "ref")
"""What a column of unique values is likely to be called, best first."""
MOST_SORTS = 3
_GEOMETRIES = {"Point": "point", "Curve": "line", "Line": "line", "Surface": "area", "Polygon": "area"}
_UNWANTED = ("MetadataURL", "WGS84BoundingBox", "LatLongBoundingBox", "BoundingBox", "Keywords")
"""Parts of a feature type that OWSLib stumbles over and nobody here reads."""
_REFERENCES = ("DefaultCRS", "OtherCRS", "DefaultSRS", "OtherSRS", "SRS")


@dataclass(frozen=True)
class FeatureType:
    """A type's columns without its geometry; `geometry` is None when it may be of any kind. `sortable` are the columns
    by which rows may be put in order, the likeliest to be unique first."""

    fields: tuple[str, ...] = ()
    geometry: str | None = None
    sortable: tuple[str, ...] = ()


@dataclass(frozen=True)
class CapabilityFacts:
    """`xml` for OWSLib, and what OWSLib leaves out: the output formats of GetFeature, and the `cap` that the server
    puts on an answer."""

    xml: bytes
    formats: tuple[str, ...]
    cap: int | None


def read_schema(root: Any) -> Mapping[str, FeatureType]:
    """The types of an XML schema by their names without namespace."""
    shapes = {shape.get("name"): shape for shape in root.iterfind("{*}complexType")}
    found = {}
    for element in root.iterfind("{*}element"):
        name = str(element.get("name", ""))
        shape = shapes.get(_local(element.get("type"))) if element.get("type") else element.find("{*}complexType")
        if name and shape is not None:
            found[name] = _feature_type(shape)
    return found


def capabilities_for_owslib(root: Any) -> CapabilityFacts:
    """The facts of a capabilities document; takes out of it what would stop OWSLib, and puts in what it takes for
    granted."""
    formats = root.xpath(
        "//*[local-name()='Operation'][@name='GetFeature']/*[local-name()='Parameter']"
        "[translate(@name, 'F', 'f')='outputformat' or @name='outputFormat']//*[local-name()='Value']/text()"
        " | //*[local-name()='FeatureType']/*[local-name()='OutputFormats']/*/text()"
    )
    # WFS 1.0 names its formats by elements.
    formats += [etree.QName(e).localname for e in root.xpath("//*[local-name()='ResultFormat']/*")]
    cap = _cap(root)
    for kind in root.findall("{*}FeatureTypeList/{*}FeatureType"):
        _mend(kind)
    if root.get("version") == "2.0.0" and root.find("{*}OperationsMetadata") is None:
        etree.SubElement(root, "{http://www.opengis.net/ows/1.1}OperationsMetadata")
    return CapabilityFacts(etree.tostring(root), tuple(dict.fromkeys(f.strip() for f in formats if f.strip())), cap)


def _feature_type(shape: Any) -> FeatureType:
    fields: list[str] = []
    scalars: list[str] = []
    geometry: str | None = "none"
    for element in shape.iterfind(".//{*}sequence/{*}element"):
        name, kind = str(element.get("name") or _local(element.get("ref"))), _local(element.get("type"))
        if "Geometry" in kind or (kind.endswith("PropertyType") and _geometry(kind)):
            geometry = _geometry(kind)
            continue
        fields.append(name)
        if kind != "anyType":
            scalars.append(name)
    if not fields and geometry == "none":
        return FeatureType()
    return FeatureType(tuple(fields), geometry, tuple(sorted(scalars, key=_rank)[:MOST_SORTS]))


def _geometry(kind: str) -> str | None:
    return next((ours for theirs, ours in _GEOMETRIES.items() if theirs in kind), None)


def _rank(name: str) -> tuple[int, bool]:
    """Sorting is stable, so that the columns that nothing is known of stay in their own order."""
    lower = name.lower()
    known = KEY_NAMES.index(lower) if lower in KEY_NAMES else len(KEY_NAMES)
    return known, re.search(r"(_id|id|ref|_no|number|code)$", lower) is None


def _cap(root: Any) -> int | None:
    """CountDefault of WFS 2.0, DefaultMaxFeatures of 1.1: a server that states it gives no more than that at once."""
    named = "//*[local-name()='Constraint'][@name='CountDefault' or @name='DefaultMaxFeatures']"
    values = root.xpath(f"{named}//*[local-name()='Value' or local-name()='DefaultValue']/text()")
    numbers = [int(value) for value in values if value.strip().isdecimal()]
    return min((number for number in numbers if number > 0), default=None)


def _mend(kind: Any) -> None:
    """Takes out what OWSLib takes amiss; a type without a name is none."""
    name = kind.find("{*}Name")
    if name is None or not (name.text or "").strip():
        kind.getparent().remove(kind)
        return
    name.text = name.text.strip()
    for child in list(kind):
        local = etree.QName(child).localname if isinstance(child.tag, str) else ""
        empty_reference = local in _REFERENCES and (child.text or "").count(":") < 1
        if not local or local in _UNWANTED or empty_reference:
            kind.remove(child)
        elif local in _REFERENCES:
            child.text = child.text.strip()
    if kind.find("{*}Title") is None:
        title = etree.SubElement(kind, name.tag.replace("}Name", "}Title"))
        title.text = name.text


def _local(name: str | None) -> str:
    """The name without its namespace's prefix."""
    return (name or "").rpartition(":")[2]
