"""The 40 points that Ordnance Survey publishes with OSTN15, in both directions and through the place stage.

The figures are Ordnance Survey's, from the test files of its OSTN15 and OSGM15 developer pack (`OSTN15_OSGM15_Test…`),
which are under the BSD licence: © Crown copyright and database rights, Ordnance Survey 2016. OS gives the two islands
of TP31 and TP32 in figures that differ by up to five millimetres between the directions; the ones here are of ETRS89
to OSGB36.
"""

import numpy as np
import pyproj
import pytest
import shapely
from town import GEOMETRY, drawn, surroundings, xy

from datasets.city import City, Council
from datasets.crs import BNG, bng_to_wgs84, wgs84_to_bng
from datasets.vocabulary import GeometryKind
from harvesters.batch import ROW_NO, Batch, Opened
from harvesters.location.fit import PRECISION
from harvesters.place import place
from harvesters.surroundings import METRES_PER_DEGREE, Surroundings
from tests.builders import table

CENTIMETRE = 0.01
POINTS = np.array(
    [
        (49.92226393730, -6.29977752014, 91492.146, 11318.804),
        (49.96006137820, -5.20304609998, 170370.718, 11572.405),
        (50.43885825610, -4.10864563561, 250359.811, 62016.569),
        (50.57563665000, -1.29782277240, 449816.371, 75335.861),
        (50.93127937910, -1.45051433700, 438710.920, 114792.250),
        (51.40078220140, -3.55128349240, 292184.870, 168003.465),
        (51.37447025550, 1.44454730409, 639821.835, 169565.858),
        (51.42754743020, -2.54407618349, 362269.991, 169978.690),
        (51.48936564950, -0.11992557180, 530624.974, 178388.464),
        (51.85890896400, -4.30852476960, 241124.584, 220332.641),
        (51.89436637350, 0.89724327012, 599445.590, 225722.826),
        (52.25529381630, -2.15458614387, 389544.190, 261912.153),
        (52.25160951230, -0.91248956970, 474335.969, 262047.755),
        (52.75136687170, 0.40153547065, 562180.547, 319784.995),
        (52.96219109410, -1.19747655922, 454002.834, 340834.943),
        (53.34480280190, -2.64049320810, 357455.843, 383290.436),
        (53.41628516040, -4.28918069756, 247958.971, 393492.909),
        (53.41630925420, -4.28917792869, 247959.241, 393495.583),
        (53.77911025760, -3.04045490691, 331534.564, 431920.794),
        (53.80021519630, -1.66379168242, 422242.186, 433818.701),
        (54.08666318080, -4.63452168212, 227778.330, 468847.388),
        (54.11685144290, -0.07773133187, 525745.670, 470703.214),
        (54.32919541010, -4.38849118133, 244780.636, 495254.887),
        (54.89542340420, -2.93827741149, 339921.145, 556034.761),
        (54.97912273660, -1.61657685184, 424639.355, 565012.703),
        (55.85399952950, -4.29649016251, 256340.925, 664697.269),
        (55.92478265510, -3.29479219337, 319188.434, 670947.534),
        (57.00606696050, -5.82836691850, 167634.202, 797067.144),
        (57.13902518960, -2.04856030746, 397160.491, 805349.736),
        (57.48625000720, -4.21926398555, 267056.768, 846176.972),
        (57.81351838410, -8.57854456076, 9587.909, 899448.996),
        (58.21262247180, -7.59255560556, 71713.132, 938516.404),
        (58.51560361300, -6.26091455533, 151968.652, 966483.780),
        (58.58120461280, -3.72631022121, 299721.891, 967202.992),
        (59.03743871190, -3.21454001115, 330398.323, 1017347.016),
        (59.09335035320, -4.41757674598, 261596.778, 1025447.602),
        (59.09671617400, -5.82799339844, 180862.461, 1029604.114),
        (59.53470794490, -1.62516966058, 421300.525, 1072147.239),
        (59.85409914, -1.27486910356, 440725.073, 1107878.448),
        (60.13308091660, -2.07382822798, 395999.668, 1138728.951),
    ]
)
LAT, LON, EAST, NORTH = POINTS.T.copy()
BRITAIN = City(
    title="Britain",
    description="All of it",
    extent=(-9.0, 49.5, 2.0, 61.0),
    boundary_source="",
    council=(Council(gss="E09999902", name="Everywhere"),),
)


def metres_off(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    along = np.cos(np.radians(LAT))
    return np.hypot((lon - LON) * along, lat - LAT) * METRES_PER_DEGREE


def test_degrees_become_the_published_grid_within_a_centimetre() -> None:
    easting, northing = wgs84_to_bng(LON, LAT)
    assert np.hypot(easting - EAST, northing - NORTH).max() < CENTIMETRE


def test_the_grid_becomes_the_published_degrees_within_a_centimetre() -> None:
    assert metres_off(*bng_to_wgs84(EAST, NORTH)).max() < CENTIMETRE
    assert metres_off(*BNG.to_wgs84(EAST, NORTH)).max() < CENTIMETRE


def placed(opened: Opened, **how: object) -> np.ndarray:
    around = Surroundings(BRITAIN, BRITAIN.council[0], None, surroundings().find_postcodes)
    rows = Batch(opened.records.select(ROW_NO))
    made, _, _ = place(rows, opened, how["location"], (), GeometryKind.POINT, around)  # type: ignore[arg-type]
    assert made.geometry is not None
    return shapely.get_coordinates(made.geometry)


@pytest.mark.parametrize("form", ["columns", "shapes"])
def test_the_place_stage_puts_the_published_points_where_they_are(form: str) -> None:
    if form == "columns":
        opened = table({"Easting": [f"{x:.3f}" for x in EAST], "Northing": [f"{y:.3f}" for y in NORTH]})
        found = placed(opened, location=xy("Easting", "Northing"))
    else:
        found = placed(drawn(list(shapely.points(EAST, NORTH)), epsg=27700), location=GEOMETRY)
    # Seven decimals are published, the last of which is half a centimetre or a little more.
    assert PRECISION == 7
    assert metres_off(*found.T).max() < CENTIMETRE


def test_without_the_grid_the_points_would_be_metres_off() -> None:
    plain = pyproj.Transformer.from_crs(27700, 4326, always_xy=True, allow_ballpark=True)
    assert metres_off(*plain.transform(EAST, NORTH)).max() > 1
