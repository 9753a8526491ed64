"""Starts the real QGIS Server (Debian: qgis-server) on loopback, with files as layers: WFS 1.1 and 1.0 at `/`, OGC API
Features at `/wfs3/`."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.served import HOST, Served, free_port, program, wait_for

TYPES = {"Point": "Point", "LineString": "Line", "Polygon": "Polygon"}


@contextmanager
def qgis_server(folder: Path, layers: Iterable[Served], *, cap: int | None = None) -> Iterator[str]:
    """The address of the server; `cap` is the most features that OGC API Features gives at once."""
    server, port = program("qgis_mapserver"), free_port()
    project = folder / "city.qgs"
    project.write_text(_project(list(layers)))
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(folder),
        "HOME": str(folder),
        "QGIS_SERVER_API_WFS3_MAX_LIMIT": str(cap or 10_000),
    }
    with (folder / "qgis.log").open("wb") as log:
        running = subprocess.Popen(
            [server, f"{HOST}:{port}", "-p", str(project)], env=environment, stdout=log, stderr=log, cwd=folder
        )
    try:
        wait_for(f"http://{HOST}:{port}/?service=WFS&request=GetCapabilities", lambda: running.poll() is None)
        yield f"http://{HOST}:{port}"
    finally:
        running.terminate()
        running.wait(20)


def _project(layers: list[Served]) -> str:
    ids = "".join(f"<value>{_id(layer)}</value>" for layer in layers)
    precision = "".join(f'<{_id(layer)} type="int">8</{_id(layer)}>' for layer in layers)
    return f"""<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" projectname="Ashmere maps">
  <projectCrs>{_srs(27700)}</projectCrs>
  <projectlayers>{"".join(_layer(layer) for layer in layers)}</projectlayers>
  <properties>
    <WFSLayers type="QStringList">{ids}</WFSLayers>
    <WFSLayersPrecision>{precision}</WFSLayersPrecision>
    <WMSServiceCapabilities type="bool">true</WMSServiceCapabilities>
    <WMSServiceTitle type="QString">Ashmere maps</WMSServiceTitle>
    <WMSAccessConstraints type="QString">Open Government Licence v3.0</WMSAccessConstraints>
    <WMSFees type="QString">None</WMSFees>
    <WMSCrsList type="QStringList"><value>EPSG:27700</value><value>EPSG:4326</value></WMSCrsList>
  </properties>
</qgis>
"""


def _layer(layer: Served) -> str:
    return f"""
    <maplayer type="vector" geometry="{TYPES[layer.kind]}" wkbType="{layer.kind}">
      <id>{_id(layer)}</id>
      <datasource>{layer.path.resolve()}|layername={layer.layer}</datasource>
      <layername>{layer.name}</layername>
      <title>{layer.name} of Ashmere</title>
      <srs>{_srs(layer.epsg)}</srs>
      <provider encoding="UTF-8">ogr</provider>
      <flags><Identifiable>1</Identifiable><Searchable>1</Searchable></flags>
    </maplayer>"""


def _id(layer: Served) -> str:
    """QGIS replaces ids that are not long enough to be one of its own."""
    return f"{layer.name}_00000000_0000_0000_0000_000000000000"


def _srs(epsg: int) -> str:
    return f"<spatialrefsys><authid>EPSG:{epsg}</authid></spatialrefsys>"
