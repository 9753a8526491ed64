"""The open stage tells what a resource is from its bytes, and says in a sentence what it cannot read."""

from pathlib import Path

import pytest

from datasets.errors import RunFailed
from datasets.settings import read_settings
from harvesters.open import open_resource

PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in</body></html>"


def opening(tmp_path: Path, content: bytes, name: str, media_type: str | None = None):
    path = tmp_path / "0f1e2d"
    path.write_bytes(content)
    settings = read_settings({"CITYWIDE_HOME": str(tmp_path)})
    return open_resource(path, name=name, media_type=media_type, settings=settings, work=tmp_path / "work")


@pytest.mark.parametrize("content", [PAGE, f"\ufeff\n\n{PAGE}", f"<!-- hello -->{PAGE}", "<div>Not found</div>"])
@pytest.mark.parametrize("name", ["toilets.csv", "toilets.geojson", "toilets.shp"])
def test_a_web_page_is_not_data_whatever_it_is_called(tmp_path, content, name):
    with pytest.raises(RunFailed, match="web page") as refused:
        opening(tmp_path, content.encode(), name, "text/csv")
    assert refused.value.code == "E-NOTDATA"


@pytest.mark.parametrize("name", ["export", "toilets.xls", "toilets.json", "toilets.html"])
def test_the_bytes_decide_and_not_the_name(tmp_path, name):
    assert opening(tmp_path, b"Name,Postcode\nAshby,AB1 2CD\n", name, "text/html").format == "CSV"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7 ...", "E-NOTDATA"),
        (b"\x89PNG\r\n\x1a\n", "E-NOTDATA"),
        (b"{\\rtf1 hello}", "E-NOTDATA"),
        (b"\xd0\xcf\x11\xe0" + "WordDocument".encode("utf-16-le"), "E-NOTDATA"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "E-FORMAT"),
        (b"\x1f\x8b\x08\x00", "E-FORMAT"),
        (bytes(range(256)) * 40, "E-FORMAT"),
        (b"<inventory><a/></inventory>", "E-FORMAT"),
        (b"", "E-EMPTY"),
        (bytes(100_000), "E-EMPTY"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, content, code):
    with pytest.raises(RunFailed) as refused:
        opening(tmp_path, content, "toilets.csv")
    assert refused.value.code == code
    assert str(refused.value).endswith((".", "reason"))
