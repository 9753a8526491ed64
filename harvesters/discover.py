"""Feeds proposed from what a portal offers: which dataset of an organisation fits which layer."""

import re

from datasets.city import Council
from datasets.errors import CitywideError, RegisterError
from datasets.feed import Feed
from datasets.layer import Layer, layers
from datasets.licence import find_licence
from datasets.vocabulary import Platform
from harvesters.adapters.ckan import CkanDataset, organisation_datasets
from harvesters.session import Session


def organisation_feeds(url: str, organisation: str, council: Council, session: Session) -> list[Feed]:
    """One feed for each dataset of a CKAN organisation whose title names a layer; CitywideError when none does."""
    datasets = organisation_datasets(url, organisation, session)
    feeds: list[Feed] = []
    for layer in layers().values():
        fitting = [dataset for dataset in datasets if fits(layer, dataset.title)]
        for number, dataset in enumerate(fitting, 1):
            suffix = f"-{number}" if len(fitting) > 1 else ""
            feeds.append(_feed(url, council, layer, dataset, suffix))
    if not feeds:
        titles = ", ".join(dataset.title for dataset in datasets[:8]) or "nothing"
        raise CitywideError(f"Of organisation {organisation!r} no dataset fits a layer; it offers {titles}.")
    return feeds


def fits(layer: Layer, title: str) -> bool:
    """Whether a title names the layer and not another one it is often mixed up with."""
    text = " ".join(re.findall(r"[a-z0-9]+", title.lower()))
    words = [word for word in layer.keywords if len(word) > 3]
    other = any(re.search(rf"\b{re.escape(word)}s?\b", text) for word in layer.other_layers)
    return not other and any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


def _feed(url: str, council: Council, layer: Layer, dataset: CkanDataset, suffix: str) -> Feed:
    return Feed(
        id=f"{council.slug}-{layer.id}{suffix}",
        council=council.gss,
        layer=layer.id,
        platform=Platform.CKAN,
        url=url,
        params={"dataset": dataset.name},
        licence=_licence(dataset.licence),
        documentation_url=dataset.page,
    )


def _licence(text: str) -> str:
    try:
        return find_licence(text)
    except RegisterError:
        return "unknown"
