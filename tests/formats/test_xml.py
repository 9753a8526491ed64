"""GML as services send it and KML as people draw it."""

import zipfile

import pytest

from datasets.errors import RunFailed, RunHeld

SPACES = 'xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:a="http://example.org/a"'


def member(ref, at, srs="urn:ogc:def:crs:EPSG::4326", more=""):
    point = f'<gml:Point srsName="{srs}" gml:id="p{ref}"><gml:pos>{at}</gml:pos></gml:Point>'
    return (
        f'<wfs:member><a:toilet gml:id="t.{ref}"><a:ref>{ref}</a:ref>{more}'
        f"<a:geom>{point}</a:geom></a:toilet></wfs:member>"
    )


def gml(*members, root=""):
    inside = "".join(members)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><wfs:FeatureCollection {SPACES} {root}>{inside}</wfs:FeatureCollection>'
    )


def test_latitude_first_is_turned_round(opened):
    table = opened(gml(member("007", "51.5 -0.1")), "wfs", media_type="text/html")
    assert table.format == "GML" and table.geometry[0].wkt == "POINT (-0.1 51.5)"
    assert (table.crs.epsg, table.crs.where) == (4326, "srsName urn:ogc:def:crs:EPSG::4326")
    assert table.records["ref"][0] == "007"


def test_national_grid_is_left_as_it_is(opened):
    table = opened(gml(member("1", "530000 180000", "urn:ogc:def:crs:EPSG::27700")), "wfs")
    assert table.geometry[0].wkt == "POINT (530000 180000)" and table.crs.epsg == 27700


def test_curves_become_short_lines_and_are_counted(opened, codes):
    along = "530000 180000 530100 180100 530200 180000 530100 179900 530000 180000"
    arc = f"<gml:Curve><gml:segments><gml:ArcString><gml:posList>{along}</gml:posList></gml:ArcString></gml:segments>"
    ring = f"<gml:Ring><gml:curveMember>{arc}</gml:Curve></gml:curveMember></gml:Ring>"
    shape = f'<gml:Polygon srsName="EPSG:27700"><gml:exterior>{ring}</gml:exterior></gml:Polygon>'
    feature = f'<wfs:member><a:toilet gml:id="t.1"><a:ref>1</a:ref><a:geom>{shape}</a:geom></a:toilet></wfs:member>'
    table = opened(gml(feature), "wfs")
    assert codes(table) == {"curve-linearised": 1}
    assert table.geometry[0].area == pytest.approx(31_416, rel=0.01)


@pytest.mark.parametrize(
    ("root", "code"),
    [('numberReturned="0"', "E-COUNT"), ('numberOfFeatures="5"', "E-SHORT"), ('numberMatched="9"', "E-SHORT")],
)
def test_a_count_that_disagrees_is_reported(opened, codes, root, code):
    assert codes(opened(gml(member("1", "51 0"), root=root), "wfs")) == {code: 1}


def test_two_properties_of_one_name_in_two_namespaces_are_both_kept(opened):
    more = "<gml:name>of the standard</gml:name><a:name>of the council</a:name>"
    row = opened(gml(member("1", "51 0", more=more)), "wfs").records.row(0)
    assert {"of the standard", "of the council"} <= set(row)


def test_an_exception_report_says_what_the_server_said(opened):
    said = "<ows:Exception><ows:ExceptionText>No such layer</ows:ExceptionText></ows:Exception>"
    report = f'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1">{said}</ows:ExceptionReport>'
    with pytest.raises(RunFailed, match="No such layer") as refused:
        opened(report, "wfs")
    assert refused.value.code == "E-PLATFORM"


def test_a_cut_document_is_truncated(opened):
    content = gml(member("1", "51 0"), member("2", "51 0"))
    with pytest.raises(RunFailed) as refused:
        opened(content[:-60], "wfs.gml")
    assert refused.value.code == "E-TRUNCATED"


def test_a_collection_without_members_is_empty(opened):
    with pytest.raises(RunFailed) as refused:
        opened(gml(), "wfs.gml")
    assert refused.value.code == "E-EMPTY"


@pytest.mark.parametrize(
    "trick", ['<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>', "<!-- <OGRVRTDataSource> -->"]
)
def test_documents_that_reach_outside_are_refused(opened, trick):
    content = gml(member("1", "51 0")).replace("?>", f"?>{trick}", 1)
    with pytest.raises(RunFailed, match="not accepted"):
        opened(content, "wfs.gml")


def kml(*folders):
    inside = "".join(f"<Folder><name>{name}</name>{marks}</Folder>" for name, marks in folders)
    return f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inside}</Document></kml>'


def mark(name, inside=""):
    return f"<Placemark><name>{name}</name>{inside}<Point><coordinates>-0.1,51.5,0</coordinates></Point></Placemark>"


def test_folders_of_one_kind_are_read_as_one(opened, codes):
    table = opened(kml(("North", mark("a") + mark("b")), ("South", mark("c"))), "t.kml")
    assert table.records.rows() == [(1, "a", "North"), (2, "b", "North"), (3, "c", "South")]
    assert table.columns == ["Name", "layer"] and table.crs.epsg == 4326
    assert codes(table) == {"W-MULTI-LAYER": 1}


def test_a_named_folder_is_read_alone(opened):
    table = opened(kml(("North", mark("a")), ("South", mark("c"))), "t.kml", layer="South")
    assert table.records["Name"].to_list() == ["c"]


def test_extended_values_become_columns(opened):
    given = '<ExtendedData><Data name="Opening hours"><value>9 to 5</value></Data></ExtendedData>'
    assert opened(kml(("x", mark("a", given))), "t.kml").records["Opening_hours"].to_list() == ["9 to 5"]


def test_folders_of_different_kinds_need_a_person(opened):
    given = '<ExtendedData><Data name="Hours"><value>9</value></Data></ExtendedData>'
    with pytest.raises(RunHeld, match="North, South") as held:
        opened(kml(("North", mark("a", given)), ("South", mark("b"))), "t.kml")
    assert held.value.code == "W-MULTI-LAYER"


def test_a_table_in_the_description_becomes_columns(opened):
    table = "<table><tr><td>Ref</td><td>{}</td></tr><tr><td>Free &amp; open</td><td>&lt;Null&gt;</td></tr></table>"
    marks = "".join(mark(n, f"<description><![CDATA[{table.format(n)}]]></description>") for n in "ab")
    opened_table = opened(kml(("x", marks)), "t.kml")
    assert opened_table.columns == ["Name", "Ref", "Free & open"]
    assert opened_table.records["Ref"].to_list() == ["a", "b"]


def test_other_html_in_the_description_becomes_text(opened):
    given = "<description><![CDATA[<style>p{}</style><b>Mill Lane</b><br>Ashby &amp; District]]></description>"
    assert opened(kml(("x", mark("a", given))), "t.kml").records["description"][0] == "Mill Lane\nAshby & District"


def test_a_kmz_is_its_document(opened, tmp_path):
    with zipfile.ZipFile(tmp_path / "k", "w") as archive:
        archive.writestr("files/icon.png", b"x")
        archive.writestr("doc.kml", kml(("x", mark("a"))))
    assert opened(tmp_path / "k", "t.kmz").format == "KMZ"


def test_a_document_that_is_broken_in_the_middle_fails_and_is_not_read_in_part(opened):
    content = gml(member("1", "51 0"), "<a:x></a:y>", member("2", "51 0"))
    with pytest.raises(RunFailed, match="mismatched tag") as refused:
        opened(content, "wfs.gml")
    assert refused.value.code == "E-FORMAT"


def test_a_document_type_far_down_is_refused_too(opened):
    content = gml(member("1", "51 0")).replace("?>", f"?><!--{' ' * 70_000}--><!DOCTYPE a>", 1)
    with pytest.raises(RunFailed):
        opened(content, "wfs.gml")
