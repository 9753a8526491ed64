"""The adapter for catalogues of datasets: DCAT-AP in RDF/XML, Turtle and JSON-LD, data.json of DCAT-US, and the LGA's
inventories. The only place that imports rdflib, which never gets to ask the network for anything: contexts and document
types that would have to be fetched are replaced or refused.

A feed states the catalogue's address, the `dataset` by identifier and, where several would do, the `distribution`. The
catalogue is read anew at every run, so a distribution that moves is followed; a service is left to its own adapter.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from rdflib import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, Graph, Literal, Namespace, URIRef
from rdflib.plugins.parsers.jsonld import to_rdf
from rdflib.term import Node

from datasets.errors import RunFailed
from harvesters.adapters import find_adapter
from harvesters.adapters.contract import Dataset, Download, Found, Pages, Tally
from harvesters.platforms.catalogues.dcat_us import read_dcat_us
from harvesters.platforms.catalogues.inventory import ROOT, read_inventory
from harvesters.platforms.catalogues.record import Distribution, Listing, Record, file_of, ids_of
from harvesters.platforms.catalogues.walking import listings
from harvesters.platforms.links import Link, format_of, name_of, service_of
from harvesters.platforms.problem import OF_THE_HOST, problem_of
from harvesters.web.ask import TRIES, Answer
from harvesters.web.json_text import read_json
from harvesters.web.session import Session

TITLE = "A DCAT catalogue"
DESCRIBES = True
LISTED = 1000
"""At most so many datasets of a catalogue are described."""
MOST_GRAPH = 8 << 20
"""Bytes of one page of RDF: as a graph it takes fifty times as much memory, and more than a second for each MiB."""

_GRAPHS = (".rdf", ".ttl", ".jsonld", ".n3", ".nt", ".owl")
_CATALOGUE_WORDS = ("dcat", "data.json", "catalog", "inventory")
_HOME = ("/data.json", "/catalog.ttl")
_HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
_ADMS = Namespace("http://www.w3.org/ns/adms#")
_HUBS_ADDRESS = URIRef(f"{DCAT}accessUrl")
"""ArcGIS Hub writes it with small letters."""

_PREFIXES: Mapping[str, Any] = {
    "dcat": str(DCAT),
    "dct": str(DCTERMS),
    "dcterms": str(DCTERMS),
    "foaf": str(FOAF),
    "rdfs": str(RDFS),
    "skos": str(SKOS),
    "hydra": str(_HYDRA),
    "@vocab": str(DCAT),
    "name": "foaf:name",
    **{word: f"dct:{word}" for word in ("title", "description", "identifier", "publisher", "license", "rights")},
    **{word: f"dct:{word}" for word in ("issued", "modified", "format", "conformsTo")},
    **{word: {"@id": f"dcat:{word}", "@type": "@id"} for word in ("accessURL", "downloadURL", "landingPage")},
}
"""What the names of DCAT mean, in place of contexts that a document only points to."""


def probe(url: str, params: Mapping[str, str], session: Session) -> Found | None:
    """The catalogue and what each of its datasets is, or the one dataset that the params name."""
    if wanted := params.get("dataset"):
        return _one(url, wanted, params, session)
    candidates, sure = _candidates(url)
    for candidate in candidates:
        try:
            if found := _catalogue(candidate, session, TRIES if sure else 1):
                return found
        except RunFailed as error:
            if (sure and error.code != "E-NOTDATA") or error.code in OF_THE_HOST:
                raise
    return None


def pages(dataset: Dataset, since: str | None) -> Pages | Download:
    """The file, or what the service's own adapter makes of it; RunHeld or RunFailed says why neither can be chosen."""
    if problem := problem_of(dataset):
        raise problem
    if "through" in dataset.own:
        return find_adapter(dataset.own["through"]).pages(_inner(dataset), since)
    return Download(**dataset.own["file"])


def complete(dataset: Dataset, tally: Tally) -> str | None:
    """As the service's own adapter judges; a file that arrived whole is complete."""
    if "through" not in dataset.own:
        return None
    return find_adapter(dataset.own["through"]).complete(_inner(dataset), tally)


def _candidates(url: str) -> tuple[tuple[str, ...], bool]:
    """Where a catalogue may be, and whether the address promises one."""
    parts = urlsplit(url)
    path, name = parts.path.lower(), name_of(url).lower()
    if service_of(url):
        return (), False
    if name.endswith(_GRAPHS) or any(word in path for word in _CATALOGUE_WORDS):
        return (url,), True
    if path in ("", "/"):
        return tuple(f"{parts.scheme}://{parts.netloc}{end}" for end in _HOME), False
    known = format_of(url) not in (None, "json") or "/dataset/" in path
    return ((), False) if known else ((url,), False)


def _catalogue(url: str, session: Session, tries: int) -> Found | None:
    records: dict[str, Record] = {}
    title, spoilt, repeated, more = "", 0, 0, False
    for listing in listings(url, session, _read, tries):
        title, spoilt = title or listing.title, spoilt + listing.spoilt
        for record in listing.records:
            repeated += not _add(records, record)
        if len(records) >= LISTED:
            more = listing.next is not None or len(records) > LISTED
            break
    if not records and not spoilt:
        return None
    described = tuple(record.described(url) for record in islice(records.values(), LISTED))
    notes = [f"The first {LISTED:,} datasets are described; there are more."] if more else []
    notes += [f"{spoilt:,} records are too broken to tell what they are."] if spoilt else []
    notes += [f"{repeated:,} records repeat the identifier of another."] if repeated else []
    total = None if more else len(records)
    return Found("dcat", title or urlsplit(url).netloc, url, described, total, " ".join(notes))


def _add(records: dict[str, Record], record: Record) -> bool:
    """Puts the record under its first identifier; under its title, and False, when another record has that."""
    [first, *others] = record.ids
    if first not in records:
        records[first] = record
        return True
    if records[first].title != record.title and others and others[-1] not in records:
        records[others[-1]] = replace(record, ids=(others[-1],))
    return False


def _one(url: str, wanted: str, params: Mapping[str, str], session: Session) -> Found:
    record = _called(wanted, url, session)
    best = record.best(params.get("distribution", ""))
    if len(best) != 1:
        noted = record.dataset(url, params, record.problem(best))
        raise problem_of(noted) or RunFailed("E-PLATFORM", f"{wanted!r} cannot be read.")
    [(distribution, link)] = best
    if link.platform == "file":
        dataset = record.dataset(url, dict(params), {"file": file_of(link, distribution)}, (link.format,))
    else:
        dataset = _through(record, link, url, params, session)
    dataset = replace(dataset, licence=distribution.licence or record.licence or dataset.licence)
    return Found("dcat", record.title, url, (dataset,), 1)


def _called(wanted: str, url: str, session: Session) -> Record:
    for listing in listings(url, session, _read):
        found = [one for one in listing.records if wanted in one.ids]
        if len({one.title for one in found}) > 1:
            others = ", ".join(repr(one.ids[-1]) for one in found[:8])
            raise RunFailed("E-PLATFORM", f"{len(found)} datasets are called {wanted!r}; name one of {others}.")
        if found:
            return found[0]
    raise RunFailed("E-PLATFORM", f"The catalogue at {url} has no dataset {wanted!r}.")


def _through(record: Record, link: Link, url: str, params: Mapping[str, str], session: Session) -> Dataset:
    """The dataset as the service's own adapter describes it, under the catalogue's address."""
    found = find_adapter(link.platform).probe(link.url, link.params, session)
    offered = found.datasets if found else ()
    if len(offered) != 1:
        what = (
            f"a service of {len(offered)} layers; make a feed of one of them" if offered else "which does not answer so"
        )
        raise RunFailed("E-PLATFORM", f"Dataset {record.title!r} is at {link.url}, {what}.")
    own = {"through": link.platform, "dataset": asdict(offered[0])}
    page = record.page or offered[0].page
    return replace(offered[0], title=record.title, url=url, params=dict(params), page=page, own=own)


def _inner(dataset: Dataset) -> Dataset:
    told = dict(dataset.own["dataset"])
    return Dataset(**{**told, "fields": tuple(told["fields"]), "formats": tuple(told["formats"])})


def _read(answer: Answer, source: str) -> Listing | None:
    """The catalogue in an answer, known by its first letters whatever its media type says; None when it is none."""
    begin = answer.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if begin.startswith((b"{", b"[")):
        return _read_json(answer, source)
    if begin.startswith(b"<") and not begin.startswith((b"<http", b"<urn")):
        return _read_xml(answer, source)
    if begin.lower().startswith((b"@prefix", b"@base", b"prefix ", b"base ", b"#", b"_:", b"<http", b"<urn")):
        return _from_graph(_parsed(answer, "turtle"), source)
    return None


def _read_json(answer: Answer, source: str) -> Listing | None:
    try:
        document = read_json(answer.body, urlsplit(answer.url).netloc)
    except ValueError:
        return None
    if isinstance(document, dict) and isinstance(document.get("dataset"), list):
        return read_dcat_us(document, source)
    if not any(name.startswith("@") for one in _listed(document) if isinstance(one, dict) for name in one):
        return None
    graph, spoilt = Graph(), 0
    _check_size(answer)
    for part in _parts(_without_remote(document)):
        one = Graph()
        try:
            to_rdf(part, one, base=answer.url)
        except Exception:  # rdflib's errors on broken JSON-LD are of any kind, and one record must not lose the others
            spoilt += 1
            continue
        graph += one
    return _from_graph(graph, source, spoilt)


def _parts(document: Any) -> list[Any]:
    """The document in parts that can be read on their own: each record with the context of all."""
    if not isinstance(document, dict):
        return _listed(document)
    context = {"@context": document.get("@context", dict(_PREFIXES))}
    for name in ("@graph", "dcat:dataset"):
        if isinstance(document.get(name), list):
            rest = {key: value for key, value in document.items() if key != name}
            return [rest, *({**context, **entry} for entry in document[name] if isinstance(entry, dict))]
    return [document]


def _listed(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


def _without_remote(value: Any) -> Any:
    """The document with our own context wherever it points to one that would have to be fetched."""
    if isinstance(value, list):
        return [_without_remote(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_remote(one) for key, one in value.items() if key not in ("@context", "@import")}
    if "@context" in value:
        given = _listed(value["@context"])
        kept["@context"] = [dict(_PREFIXES) if isinstance(one, str) else _without_remote(one) for one in given]
    return kept


def _read_xml(answer: Answer, source: str) -> Listing | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(answer.body, parser)
    except etree.XMLSyntaxError:
        return None
    if root.getroottree().docinfo.doctype:
        raise RunFailed(
            "E-NOTDATA", f"{urlsplit(answer.url).netloc} answered with XML that brings its own definitions."
        )
    if root.tag == ROOT:
        return read_inventory(root, source)
    return _from_graph(_parsed(answer, "xml"), source) if root.tag == f"{{{RDF}}}RDF" else None


def _parsed(answer: Answer, form: str) -> Graph:
    _check_size(answer)
    # Addresses with spaces are common and harm nobody who does not write them out again.
    logging.getLogger("rdflib.term").setLevel(logging.ERROR)
    graph = Graph()
    try:
        graph.parse(data=answer.body, format=form, publicID=answer.url)
    except Exception as error:  # each of rdflib's parsers has errors of its own, with no kind in common
        said = " ".join(str(error).split())[:160]
        raise RunFailed("E-FORMAT", f"The catalogue at {answer.url} cannot be read: {said}.") from None
    return graph


def _check_size(answer: Answer) -> None:
    if len(answer.body) > MOST_GRAPH:
        instead = "give the address of the dataset's file or service, or of a catalogue that comes in pages"
        message = f"One page of the catalogue at {answer.url} is larger than {MOST_GRAPH:,} bytes; {instead}."
        raise RunFailed("E-TOOLARGE", message)


def _from_graph(graph: Graph, source: str, spoilt: int = 0) -> Listing | None:
    catalogue = next(graph.subjects(RDF.type, DCAT.Catalog), None)
    # A data service names what it serves by stubs that are no records of this catalogue (udata, core/dataset/rdf.py).
    stubs = {node for node in graph.objects(None, DCAT.servesDataset) if (None, DCAT.dataset, node) not in graph}
    nodes = sorted({n for n in graph.subjects(RDF.type, DCAT.Dataset) if n not in stubs}, key=str)
    told = tuple(_record(graph, node, source) for node in nodes if _text(graph, node, DCTERMS.title))
    following = next((one for name in (_HYDRA.next, _HYDRA.nextPage) for one in graph.objects(None, name)), None)
    if catalogue is None and not nodes and not spoilt:
        return None
    title = _text(graph, catalogue, DCTERMS.title) if catalogue is not None else ""
    return Listing(title, told, spoilt + len(nodes) - len(told), str(following) if following else None)


def _record(graph: Graph, node: Node, source: str) -> Record:
    title = _text(graph, node, DCTERMS.title)
    page = _text(graph, node, DCAT.landingPage)
    listed = sorted(graph.objects(node, DCAT.distribution), key=str)
    return Record(
        ids=ids_of(_uri(node), _text(graph, node, DCTERMS.identifier, _ADMS.identifier), source, title),
        title=title,
        distributions=tuple(_distribution(graph, one) for one in listed),
        description=_text(graph, node, DCTERMS.description),
        licence=_licence(graph, node),
        publisher=_text(graph, node, DCTERMS.publisher),
        page=page if page.startswith("http") else None,
        updated=_text(graph, node, DCTERMS.modified, DCTERMS.issued) or None,
    )


def _distribution(graph: Graph, node: Node) -> Distribution:
    service = next(graph.objects(node, DCAT.accessService), None)
    names = (DCAT.downloadURL, DCAT.accessURL, _HUBS_ADDRESS)
    urls = [_text(graph, node, name) for name in names]
    said = [_text(graph, node, name) for name in (DCTERMS["format"], DCAT.mediaType, DCTERMS.conformsTo)]
    if service is not None:
        urls += [_text(graph, service, DCAT.endpointURL)]
        said += [_text(graph, service, DCTERMS.conformsTo)]
    return Distribution(
        urls=tuple(dict.fromkeys(url for url in urls if url)),
        said=tuple(dict.fromkeys(word for word in said if word)),
        title=_text(graph, node, DCTERMS.title, DCTERMS.description),
        id=_uri(node),
        licence=_licence(graph, node),
    )


def _licence(graph: Graph, node: Node) -> str:
    return _text(graph, node, DCTERMS.license, DCTERMS.rights)


def _text(graph: Graph, node: Node, *names: URIRef) -> str:
    """The words of the first of these properties that has any: English ones first; of a thing without words its
    address."""
    for name in names:
        found = sorted(
            graph.objects(node, name), key=lambda one: (getattr(one, "language", None) not in ("en", None), str(one))
        )
        for one in found:
            if words := _words(graph, one):
                return words
    return ""


def _words(graph: Graph, value: Node) -> str:
    if isinstance(value, Literal):
        return str(value).strip()
    for name in (FOAF.name, DCTERMS.title, RDFS.label, SKOS.prefLabel, RDF.value, SKOS.notation):
        label = next((str(one) for one in graph.objects(value, name) if isinstance(one, Literal)), "")
        if label:
            return label
    return _uri(value)


def _uri(node: Node) -> str:
    return str(node) if isinstance(node, URIRef) else ""
