"""The CKAN adapter and a real CKAN, driven through ckanapi: its datasets, its uploaded files and its DataStore are what
the adapter takes them for.

Not run, for want of Solr: `package_search` with paging, filters and dates, the lists of organisations and groups, and
changes since a moment. What is run instead is what a portal without its search engine answers.
"""

import io
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from datasets.errors import RunFailed, RunHeld
from harvesters.adapters import ckan
from harvesters.adapters.contract import Download, Tally
from harvesters.web.session import Session
from tests.adapters.reading import describe, read_all
from tests.peers.ckan import RealCkan, real_ckan

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1200)]

TABLE = b"Name,Easting,Northing\nAsh Lane,645700,407800\nBeech Road,645800,407900\n"
FIELDS = [{"id": name, "type": "text"} for name in ("Name", "Easting", "Northing")]


@pytest.fixture(scope="module")
def portal(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCkan]:
    names = ("citywide_peer_ckan", "citywide_peer_datastore")
    main, datastore = (urlsplit(database_url)._replace(path=f"/{name}").geturl() for name in names)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        try:
            with real_ckan(main, datastore, tmp_path_factory.mktemp("ckan")) as running:
                yield running
        finally:
            for name in names:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            connection.execute(f"DROP ROLE IF EXISTS {names[1]}_reader".encode())


@pytest.fixture(scope="module")
def toilets(portal: RealCkan) -> str:
    """A dataset with an uploaded table, a page and a service."""
    package = portal.admin.action.package_create(
        name="toilets", title="Public toilets", notes="All of Ashmere's.", license_id="uk-ogl"
    )
    upload(portal, "toilets", "Toilets", TABLE)
    portal.admin.action.resource_create(package_id="toilets", name="About", format="HTML", url="https://example.org/")
    return str(package["id"])


@pytest.fixture(scope="module")
def bins(portal: RealCkan) -> str:
    """A dataset whose 40,000 rows are in the DataStore alone."""
    package = portal.admin.action.package_create(name="grit-bins", title="Grit bins", license_id="uk-ogl")
    rows = [{"Name": f"Bin {n}", "Easting": str(645_000 + n % 900), "Northing": "407800"} for n in range(40_000)]
    made = portal.admin.action.datastore_create(
        resource={"package_id": package["id"], "name": "Grit bins"}, fields=FIELDS, records=rows[:20_000]
    )
    more = {"resource_id": made["resource_id"], "records": rows[20_000:], "method": "insert", "force": True}
    portal.admin.call_action("datastore_upsert", more)
    return str(made["resource_id"])


def upload(portal: RealCkan, package: str, name: str, content: bytes) -> str:
    given = io.BytesIO(content)
    given.name = "toilets.csv"
    made = portal.admin.call_action(
        "resource_create", {"package_id": package, "name": name, "format": "CSV"}, files={"upload": given}
    )
    return str(made["id"])


def test_a_dataset_with_an_uploaded_table_is_described_and_downloaded(
    portal: RealCkan, toilets: str, session: Session
) -> None:
    found = ckan.probe(f"{portal.url}/dataset/toilets", {}, session)
    assert found is not None and [d.params for d in found.datasets] == [{"dataset": toilets}]
    dataset = found.datasets[0]
    assert (dataset.title, dataset.licence, dataset.formats) == ("Public toilets", "uk-ogl", ("CSV",))
    way = ckan.pages(dataset, None)
    assert isinstance(way, Download) and way.name == "toilets.csv" and way.media_type == "text/csv"
    assert requests.get(way.url, timeout=60).content == TABLE


def test_the_portal_lists_its_datasets_although_its_search_is_down(
    portal: RealCkan, toilets: str, bins: str, session: Session
) -> None:
    found = ckan.probe(portal.url, {}, session)
    assert found is not None and {d.title for d in found.datasets} >= {"Public toilets", "Grit bins"}
    assert "cannot search" in found.note


def test_a_new_upload_moves_the_watermark(portal: RealCkan, session: Session) -> None:
    portal.admin.action.package_create(name="libraries", title="Libraries")
    resource = upload(portal, "libraries", "Libraries", TABLE)
    before = describe(ckan, portal.url, {"dataset": "libraries"}, session).watermark
    given = io.BytesIO(TABLE + b"Cedar Way,645900,408000\n")
    given.name = "toilets.csv"
    portal.admin.call_action("resource_patch", {"id": resource}, files={"upload": given})
    after = describe(ckan, portal.url, {"dataset": "libraries"}, session).watermark
    assert before is not None and after is not None and after > before


def test_two_uploads_are_held_until_one_is_named(portal: RealCkan, session: Session) -> None:
    portal.admin.action.package_create(name="polling-stations", title="Polling stations")
    named = [upload(portal, "polling-stations", year, TABLE) for year in ("2025", "2026")]
    with pytest.raises(RunHeld, match="'2025', '2026'"):
        ckan.probe(portal.url, {"dataset": "polling-stations"}, session)
    chosen = describe(ckan, portal.url, {"dataset": "polling-stations", "resource": named[1]}, session)
    assert named[1] in chosen.own["file"]["url"]


def test_every_row_of_the_datastore_comes_once(portal: RealCkan, bins: str, session: Session) -> None:
    read = read_all(ckan, portal.url, {"dataset": "grit-bins"}, session, size=50_000)
    assert (read.dataset.count, read.dataset.fields) == (40_000, ("Name", "Easting", "Northing"))
    assert (read.tally, read.short) == (Tally(40_000, 2, 0, "total reached"), None)
    first, second = (json.loads(page)["result"] for page in read.pages)
    assert (first["limit"], len(first["records"]), len(second["records"])) == (32_000, 32_000, 8_000)
    assert read.dataset.watermark is None


def test_rows_that_change_leave_no_stamp_to_trust(portal: RealCkan, bins: str) -> None:
    """Why the DataStore has no watermark: an upsert leaves the resource's and the package's stamps as they were."""
    before = portal.admin.action.package_show(id="grit-bins")
    row = {"Name": "Bin 40000", "Easting": "645001", "Northing": "407800"}
    more = {"resource_id": bins, "records": [row], "method": "insert", "force": True}
    portal.admin.call_action("datastore_upsert", more)
    after = portal.admin.action.package_show(id="grit-bins")
    portal.admin.call_action("datastore_delete", {"resource_id": bins, "filters": {"Name": "Bin 40000"}, "force": True})
    assert after["resources"][0]["last_modified"] is None
    assert before["metadata_modified"] == after["metadata_modified"]


def test_what_is_not_there_or_not_ours_is_told_apart(portal: RealCkan, toilets: str, session: Session) -> None:
    with pytest.raises(RunFailed, match="has no 'nowhere'") as gone:
        ckan.probe(portal.url, {"dataset": "nowhere"}, session)
    assert gone.value.code == "E-PLATFORM"
    portal.admin.action.package_create(name="gone", title="Gone")
    portal.admin.action.package_delete(id="gone")
    with pytest.raises(RunFailed, match=r"does not let us read 'gone'|has no 'gone'"):
        ckan.probe(portal.url, {"dataset": "gone"}, session)
