"""A tar of pages opens as what the pages would be in one file: one table, numbered through, and no page's own count."""

import io
import json
import tarfile

import pytest

from datasets.errors import RunFailed
from datasets.issues import all_issues

SPACES = 'xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:a="http://example.org/a"'


@pytest.fixture
def paged(opened, tmp_path):
    """Opens pages as the harvest would; text is a page as it stands, anything else JSON."""

    def open_them(*pages, ending=".json", cut=None):
        with tarfile.open(tmp_path / "pages", "w") as archive:
            for number, page in enumerate(pages, start=1):
                content = (page if isinstance(page, str) else json.dumps(page)).encode()
                member = tarfile.TarInfo(f"{number:06d}{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        content = (tmp_path / "pages").read_bytes()
        return opened(content[:cut], "ashmere-trees.pages.tar")

    return open_them


def esri(*rows, wkid=27700, **members):
    features = [{"attributes": {"id": n, **more}, "geometry": {"x": n, "y": 2.0}} for n, more in rows]
    return {"spatialReference": {"wkid": wkid}, "features": features, **members}


def geojson(*rows, **members):
    features = [{"type": "Feature", "properties": {"id": n}, "geometry": None} for n in rows]
    return {"type": "FeatureCollection", "features": features, **members}


def gml(*rows, root=""):
    shape = '<gml:Point srsName="urn:ogc:def:crs:EPSG::27700"><gml:pos>{0} 2</gml:pos></gml:Point>'
    members = "".join(
        f"<wfs:member><a:tree gml:id='t.{n}'><a:{column}>{n}</a:{column}><a:geom>{shape.format(n)}</a:geom></a:tree>"
        "</wfs:member>"
        for n, column in rows
    )
    return f"<wfs:FeatureCollection {SPACES} {root}>{members}</wfs:FeatureCollection>"


def test_pages_of_esri_json_are_one_table(paged):
    table = paged(esri((1, {}), (2, {"kind": "Oak"})), esri((3, {"height": 9}), (4, {})))
    assert table.format == "Esri JSON, 2 pages" and table.crs.epsg == 27700 and table.rows_read == 4
    assert table.columns == ["id", "kind", "height"]
    assert table.records.rows() == [
        (1, "1", None, None),
        (2, "2", "Oak", None),
        (3, "3", None, "9"),
        (4, "4", None, None),
    ]
    assert [shape.x for shape in table.geometry] == [1, 2, 3, 4]


def test_pages_of_gml_are_read_each_by_its_own_columns(paged):
    pages = gml((1, "ref"), root='numberMatched="3"'), gml((2, "height"), (3, "ref"), root='numberMatched="3"')
    table = paged(*pages, ending=".gml")
    assert table.format == "GML, 2 pages" and not table.issues and [shape.x for shape in table.geometry] == [1, 2, 3]
    assert table.records.select("row_no", "ref", "height").rows() == [(1, "1", None), (2, None, "2"), (3, "3", None)]


def test_pages_of_csv_are_numbered_as_if_they_were_one_file(paged, codes):
    table = paged("id,name\n1,Oak\n,\n2,Ash\n", "id,name\n3,Elm\n", ending=".csv")
    assert table.format == "CSV, 2 pages" and table.rows_read == 4 and codes(table) == {"blank row": 1}
    assert table.records.rows() == [(2, "1", "Oak"), (4, "2", "Ash"), (6, "3", "Elm")]


def test_pages_of_a_json_table_may_lack_its_shapes(paged):
    point = {"type": "Point", "coordinates": [-0.1, 51.5]}
    table = paged([{"id": 1}], [{"id": 2, "where": point}])
    assert table.format == "JSON table, 2 pages" and table.columns == ["id"] and table.crs.epsg == 4326
    assert table.geometry[0] is None and table.geometry[1].y == 51.5


@pytest.mark.parametrize("members", [{"numberMatched": 9}, {"totalFeatures": 9}, {"exceededTransferLimit": True}])
def test_what_a_page_says_of_the_number_of_records_is_not_said_of_the_whole(paged, members):
    assert paged(geojson(1, **members), geojson(2, **members)).issues == []
    assert paged(esri((1, {}), **members)).issues == []
    assert paged({"result": {"records": [{"id": 1}], "total": 9}}).issues == []


def test_empty_pages_among_others_are_nothing_to_speak_of(paged):
    table = paged(esri(), esri((1, {})), esri(exceededTransferLimit=True), esri((2, {})), [])
    assert table.format == "Esri JSON, 5 pages" and table.records["row_no"].to_list() == [1, 2]


def test_pages_without_one_record_are_empty(paged):
    with pytest.raises(RunFailed, match="2 page") as refused:
        paged(geojson(), geojson())
    assert refused.value.code == "E-EMPTY"


def test_issues_keep_their_rows_and_are_said_once(paged, codes):
    broken = {"geometry": {"rings": [[["a", "b"]]]}, "attributes": {"id": 2}}
    page = esri((1, {}))
    page["features"] += [broken, 7]
    table = paged(page, page)
    assert codes(table) == {"invalid geometry - not fixable": 2, "not a record": 2} and table.rows_read == 6
    rows = all_issues(table.issues).filter(code="invalid geometry - not fixable")["row_no"]
    assert table.records.filter(id="2")["row_no"].to_list() == rows.to_list() == [2, 5]


@pytest.mark.parametrize(
    ("pages", "said"),
    [((esri((1, {})), esri((2, {}), wkid=4326)), "Page 2 .* EPSG:4326"), ((esri((1, {})), geojson(2)), "is GeoJSON"),
     ((geojson(1), "<html><body>Please sign in</body></html>"), "page 2.json is a web page"),
     ((geojson(1), json.dumps(geojson(2))[:-9]), "page 2.json .* cut off")],
)  # fmt: skip
def test_a_page_that_does_not_fit_fails_the_whole(paged, pages, said):
    with pytest.raises(RunFailed, match=said):
        paged(*pages)


def test_a_page_whose_header_was_not_found_is_not_taken_for_rows(paged):
    with pytest.raises(RunFailed, match="without a header"):
        paged("id,name\n1,Oak\n2,Ash\n", "3,4\n5,6\n", ending=".csv")


def test_a_cut_tar_is_truncated(paged):
    with pytest.raises(RunFailed) as refused:
        paged(geojson(1), geojson(*range(50)), cut=2000)
    assert refused.value.code == "E-TRUNCATED"


def test_many_pages_stay_in_order(paged):
    table = paged(*[esri((n, {f"only_{n % 3}": n})) for n in range(200)])
    assert table.records["id"].cast(int).to_list() == [int(shape.x) for shape in table.geometry] == list(range(200))
    assert table.columns == ["id", "only_0", "only_1", "only_2"]
