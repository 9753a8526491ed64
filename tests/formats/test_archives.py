"""One dataset is taken out of a zip, never a wrong one in silence, and never more than the limits allow."""

import zipfile

import pytest

from datasets.errors import RunFailed, RunHeld

CSV = "Name,Postcode\nAshby,AB1 2CD\nHall,AB1 3EF\n"


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_the_dataset_is_found_in_a_folder_beside_junk(opened, tmp_path):
    members = {
        "data/places.CSV": CSV,
        "__MACOSX/data/._places.csv": "x",
        "data/.DS_Store": "x",
        "data/licence.pdf": "x",
    }
    table = opened(zipped(tmp_path / "z", members), "places.zip")
    assert table.format == "zipped CSV" and table.records.height == 2


def test_several_datasets_need_a_person_unless_one_is_named(opened, tmp_path):
    path = zipped(tmp_path / "z", {"toilets.csv": CSV, "trees.csv": CSV.replace("Hall", "Oak")})
    with pytest.raises(RunHeld, match=r"toilets\.csv, trees\.csv") as held:
        opened(path, "all.zip")
    assert held.value.code == "W-MULTI-LAYER"
    assert opened(path, "all.zip", layer="trees").records["Name"][1] == "Oak"


def test_one_dataset_in_two_formats_is_read_once_with_a_notice(opened, tmp_path, codes):
    geojson = '{"type":"Feature","geometry":{"type":"Point","coordinates":[0,51]},"properties":{"Name":"Ashby"}}'
    table = opened(zipped(tmp_path / "z", {"a/toilets.csv": CSV, "b/toilets.geojson": geojson}), "all.zip")
    assert table.format == "zipped GeoJSON" and codes(table) == {"W-MULTI-LAYER": 1}


@pytest.mark.parametrize(("keep", "code"), [(0.5, "E-TRUNCATED"), (0.95, "E-TRUNCATED")])
def test_a_cut_zip_is_truncated(opened, tmp_path, keep, code):
    content = zipped(tmp_path / "z", {"places.csv": CSV * 50}).read_bytes()
    with pytest.raises(RunFailed) as refused:
        opened(content[: int(len(content) * keep)], "places.zip")
    assert refused.value.code == code


def test_a_damaged_member_is_truncated(opened, tmp_path):
    content = bytearray(zipped(tmp_path / "z", {"places.csv": CSV}).read_bytes())
    content[45] ^= 0xFF
    with pytest.raises(RunFailed) as refused:
        opened(bytes(content), "places.zip")
    assert refused.value.code == "E-TRUNCATED"


def test_a_zip_that_would_unpack_to_too_much_is_refused(opened, tmp_path):
    with pytest.raises(RunFailed) as refused:
        opened(zipped(tmp_path / "z", {"places.csv": CSV * 1000}), "places.zip", limit=10_000)
    assert refused.value.code == "E-TOOLARGE"


def test_a_bomb_is_refused_by_its_ratio(opened, tmp_path):
    with pytest.raises(RunFailed, match="times its size") as refused:
        opened(zipped(tmp_path / "z", {"places.csv": b"0" * (150 << 20)}), "places.zip")
    assert refused.value.code == "E-TOOLARGE"


def test_a_zip_of_too_many_files_is_refused(opened, tmp_path):
    with pytest.raises(RunFailed, match="10001 files"):
        opened(zipped(tmp_path / "z", {f"{n}.csv": "" for n in range(10_001)}), "places.zip")


def test_a_directory_that_lies_about_the_size_does_not_help_a_bomb(opened, tmp_path):
    content = zipped(tmp_path / "z", {"places.csv": CSV * 1000}).read_bytes()
    size = len(CSV * 1000).to_bytes(4, "little")
    with pytest.raises(RunFailed, match="damaged") as refused:
        opened(content.replace(size, (100).to_bytes(4, "little")), "places.zip", limit=10_000)
    assert refused.value.code == "E-TRUNCATED"
    assert sum(path.stat().st_size for path in (tmp_path / "work").rglob("*")) < 10_000


def test_names_that_climb_out_of_the_folder_stay_inside(opened, tmp_path):
    opened(zipped(tmp_path / "z", {"../../../places.csv": CSV}), "places.zip")
    assert not list(tmp_path.parent.glob("places.csv"))


@pytest.mark.parametrize("members", [{"readme.pdf": "x", "licence.doc": "x"}, {}])
def test_a_zip_without_a_dataset_is_refused(opened, tmp_path, members):
    with pytest.raises(RunFailed) as refused:
        opened(zipped(tmp_path / "z", members), "places.zip")
    assert refused.value.code == "E-NO-LAYER"
