"""The files an operator of the demo city loads before the first harvest: boundaries and postcodes."""

import json
from pathlib import Path

import numpy as np
import shapely

from harvesters.demo.city import DemoCity
from harvesters.demo.land import to_degrees

GSS_COLUMN = "GSS_CODE"


def write_boundaries(city: DemoCity, path: Path) -> None:
    """The boroughs as GeoJSON, with their GSS codes in `GSS_CODE`; neighbours share their vertices exactly."""
    shapes = to_degrees(np.array([borough.shape for borough in city.boroughs], dtype=object))
    features = [
        {
            "type": "Feature",
            "properties": {GSS_COLUMN: borough.gss, "NAME": borough.name},
            "geometry": json.loads(text),
        }
        for borough, text in zip(city.boroughs, shapely.to_geojson(shapes), strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}) + "\n", newline="\n")


def write_postcodes(city: DemoCity, path: Path) -> None:
    """The gazetteer as CSV: postcode, easting, northing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    city.postcodes.select("postcode", "easting", "northing").write_csv(path)
