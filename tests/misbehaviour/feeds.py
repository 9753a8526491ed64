"""What the rows of the matrix are arranged from: a feed of each platform, harvested through the real pipeline, what
then stands in its layer, and the peers whose features are made into toilets of Ashmere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datasets.feed import Feed
from datasets.store.feeds import save_feed
from datasets.vocabulary import Outcome
from harvesters.run import RunReport, Tools, harvest
from tests.builders import Loopback, counts, feed_of, query, quiet
from tests.peers.answering import Reply
from tests.peers.datastore import DATASET
from tests.peers.ogcapi import OgcApiServer
from tests.peers.socrata import View
from tests.peers.wfs import WfsServer

EVERYTHING = "*, ctid::text, xmin::text"
_TO_ASHMERE = {
    b"530000.1 180": b"645700.1 407",
    b"530000.1,180": b"645700.1,407",
    b"[-0.1": b"[1.70",
    b",51.5]": b",53.505]",
    b"species": b"name",
    b"height": b"floors",
}
BY_ID = {"reference": {"column": "id"}, "name": {"column": "name"}}


class WfsToilets(WfsServer):
    """The peer's trees as toilets of Ashmere, all of one name."""

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        return _in_ashmere(super().answer(path, query, headers))


class OgcApiToilets(OgcApiServer):
    """Likewise."""

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        return _in_ashmere(super().answer(path, query, headers))


def _in_ashmere(reply: Reply) -> Reply:
    body = reply.body
    for there, here in _TO_ASHMERE.items():
        body = body.replace(there, here)
    return replace(reply, body=body)


def toilets_view(numbers: Sequence[int]) -> View:
    """A Socrata view of toilets, in the order of their ids."""
    columns = {"site_ref": "text", "site_name": "text", "address": "text", "place": "point"}
    rows = [
        {
            ":id": f"row-{number:05d}", ":updated_at": "2026-05-01T09:00:00.000Z", "site_ref": f"WC{number}",
            "site_name": f"Toilet {number}", "address": f"{number} Mere Lane",
            "place": {"type": "Point", "coordinates": [1.7060 + number / 1e5, 53.5049]},
        }
        for number in numbers
    ]  # fmt: skip
    return View("abcd-1234", "Public toilets", columns, rows)


@dataclass(frozen=True)
class Council:
    """One feed of a council."""

    tools: Tools
    feed: Feed

    def harvest(self, **how: Any) -> RunReport:
        return harvest(self.feed, self.tools, quiet, **how)

    def whole(self, features: int) -> RunReport:
        """The report of a harvest that must read everything and call it complete."""
        report = self.harvest()
        assert report.outcome is Outcome.PUBLISHED, report.message
        assert (report.values["features"], report.values["complete"], len(self.rows("1"))) == (features, True, features)
        return report

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        statement = f"SELECT {columns} FROM layers.public_toilets WHERE feed_id = :feed ORDER BY key"  # noqa: S608
        return query(self.tools.engine, statement, feed=self.feed.id)

    def stopped(self, outcome: Outcome, code: str) -> RunReport:
        """The report of a harvest that must end so, and leave every row as it is."""
        before = self.rows(EVERYTHING)
        report = self.harvest()
        assert (report.outcome, report.code) == (outcome, code), report.message
        assert self.rows(EVERYTHING) == before
        return report

    def short(self, code: str) -> RunReport:
        """The report of a harvest that must be found not to be whole, and so may end nothing."""
        report = self.harvest()
        assert report.outcome in (Outcome.PUBLISHED, Outcome.UNCHANGED), report.message
        assert report.values["complete"] is False and code in counts(report) and report.diff is not None
        assert (report.diff.missing, report.diff.ended) == (0, 0)
        assert not [row for row in self.rows() if row["missing_since"]]
        return report


def council(tools: Tools, feed_id: str = "ashmere-toilets", **given: Any) -> Council:
    """A feed that is added and not yet harvested."""
    feed = feed_of(feed_id, **given)
    save_feed(tools.engine, feed)
    return Council(tools, feed)


def wfs(tools: Tools, server: WfsToilets) -> Council:
    return council(tools, platform="wfs", url=f"{server.url}/wfs", params={"type": "app:trees"}, mapping=BY_ID)


def ogcapi(tools: Tools, server: OgcApiToilets) -> Council:
    return council(tools, platform="ogcapi", url=server.url, params={"collection": "trees"}, mapping=BY_ID)


def ckan(tools: Tools, url: str) -> Council:
    return council(tools, platform="ckan", url=url, params={"dataset": DATASET, "datastore": "yes"})


def file(tools: Tools, site: Loopback, path: str = "/toilets.csv", **given: Any) -> Council:
    return council(tools, url=site[path], **given)
