"""Starts the real MapServer (Debian: cgi-mapserver, mapserver-bin) on loopback, with files as layers: WFS 2.0, 1.1 and
1.0 at `/?`, OGC API Features at `/city/ogcapi`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.cgi import CgiServer
from tests.peers.served import Served, program

TEMPLATES = "/usr/share/mapserver/ogcapi/templates/html-plain/"
KINDS = {"Point": "POINT", "LineString": "LINE", "Polygon": "POLYGON"}


@contextmanager
def mapserver(
    folder: Path,
    layers: Iterable[Served],
    *,
    cap: int | None = None,
    geojson: bool = False,
    systems: str = "EPSG:27700",
) -> Iterator[CgiServer]:
    """The server; `cap` is the most features that it gives at once, `geojson` whether it offers that beside GML,
    `systems` the reference systems it advertises."""
    mapserv = program("mapserv")
    document = folder / "city.map"
    document.write_text(_map(layers, cap, geojson, systems))
    configuration = folder / "mapserver.conf"
    variables = f'MS_MAP_NO_PATH "1" OGCAPI_HTML_TEMPLATE_DIRECTORY "{TEMPLATES}"'
    configuration.write_text(f'CONFIG ENV {variables} END MAPS city "{document}" END END\n')
    environment = {"MAPSERVER_CONFIG_FILE": str(configuration), "MS_MAPFILE": str(document)}
    with CgiServer(mapserv, environment) as server:
        document.write_text(_map(layers, cap, geojson, systems, server.url))
        yield server


def _map(layers: Iterable[Served], cap: int | None, geojson: bool, systems: str, url: str = "") -> str:
    limit = f'"wfs_maxfeatures" "{cap}"' if cap else ""
    formats = '"wfs_getfeature_formatlist" "gml,geojson"' if geojson else ""
    return f"""MAP
  NAME "city"
  EXTENT -180 -90 180 90
  PROJECTION "init=epsg:4326" END
  OUTPUTFORMAT
    NAME "geojson" DRIVER "OGR/GEOJSON" MIMETYPE "application/json; subtype=geojson"
    FORMATOPTION "STORAGE=stream" FORMATOPTION "FORM=SIMPLE"
  END
  WEB METADATA
    "ows_title" "Ashmere maps" "ows_enable_request" "*" "ows_srs" "{systems} EPSG:4326"
    "ows_onlineresource" "{url}/?" "oga_onlineresource" "{url}/city/ogcapi"
    "ows_accessconstraints" "Open Government Licence v3.0" "ows_fees" "None" {limit} {formats}
  END END
{"".join(_layer(layer, formats) for layer in layers)}
END
"""


def _layer(layer: Served, formats: str) -> str:
    key = f'"gml_featureid" "{layer.key}" "ows_featureid" "{layer.key}"' if layer.key else ""
    return f"""  LAYER
    NAME "{layer.name}"
    TYPE {KINDS[layer.kind]}
    STATUS ON
    TEMPLATE "x"
    CONNECTIONTYPE OGR
    CONNECTION "{layer.path.resolve()}"
    DATA "{layer.layer}"
    PROJECTION "init=epsg:{layer.epsg}" END
    METADATA
      "ows_title" "{layer.name} of Ashmere" "ows_enable_request" "*" "gml_include_items" "all" "ows_include_items" "all"
      "gml_types" "auto" {key} {formats}
    END
  END
"""
