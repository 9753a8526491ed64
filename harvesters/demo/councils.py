"""The six councils together: what they put on their server, and the feeds that harvest it. Twenty-three feeds, for
Dunmoor publishes no libraries."""

from pathlib import Path

from datasets.feed import Cadence, Feed
from harvesters.demo import ashmere, brackholme, coppergate, dunmoor, eastwold, ferncliffe
from harvesters.demo.city import DemoCity
from harvesters.demo.land import Borough, boroughs
from harvesters.demo.publication import Publication

_COUNCILS = (ashmere, brackholme, coppergate, dunmoor, eastwold, ferncliffe)
_CADENCES = {
    "public-toilets": Cadence.MONTHLY,
    "conservation-areas": Cadence.QUARTERLY,
    "libraries": Cadence.MONTHLY,
    "polling-stations": Cadence.YEARLY,
}


def write_councils(city: DemoCity, folder: Path) -> list[Publication]:
    """Every council's files under `folder`, as `CouncilServer` serves them, and what is wrong with each."""
    return [publication for council in _COUNCILS for publication in council.publish(city, folder)]


def demo_feeds(base_url: str) -> list[Feed]:
    """The feeds of the demo city when its council web server is at `base_url`."""
    return [
        _feed(borough, layer, path, base_url.rstrip("/"))
        for borough, council in zip(boroughs(), _COUNCILS, strict=True)
        for layer, path in council.FILES.items()
    ]


def _feed(borough: Borough, layer: str, path: str, base_url: str) -> Feed:
    on_portal = borough.name == "Ferncliffe"
    feed_id = f"{borough.slug}-{layer}"
    return Feed(
        id=feed_id,
        council=borough.gss,
        layer=layer,
        platform="ckan" if on_portal else "file",
        url=f"{base_url}/{ferncliffe.PORTAL if on_portal else path}",
        params={"dataset": layer} if on_portal else {},
        licence="CC-BY-4.0" if borough.name == "Eastwold" else "OGL-UK-3.0",
        attribution=f"© {borough.name} Borough Council",
        documentation_url=f"https://www.{borough.slug}.example.org/open-data/{layer}",
        contact_role="Open data officer",
        cadence=_CADENCES[layer],
        source_layer=eastwold.STATION_LAYER if feed_id == "eastwold-polling-stations" else None,
        mapping=dunmoor.TOILET_MAPPING if feed_id == "dunmoor-public-toilets" else {},
    )
