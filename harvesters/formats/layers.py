"""Which layer of a file of several: the one named, all of them when they are alike, the only one with geometry."""

from collections.abc import Callable

import numpy as np
import polars as pl

from datasets.errors import RunFailed, RunHeld
from datasets.issues import Issues, feed_issue
from harvesters.formats.gdal import LayerName, LayerRead
from harvesters.formats.source import Source


def chosen_layers(layers: list[LayerName], source: Source, *, ignored: frozenset[str] = frozenset()) -> list[LayerName]:
    """One layer, or several that are to be read as one; columns in `ignored` don't tell layers apart. RunHeld
    when a person has to choose."""
    names = ", ".join(layer.name for layer in layers)
    if source.layer:
        wanted = source.layer.casefold()
        named = [layer for layer in layers if layer.name.casefold() == wanted]
        if not named and len(layers) > 1:
            raise RunFailed("E-NO-LAYER", f"{source.name} has no layer called {source.layer}; it has {names}.")
        return named or layers
    if not layers:
        raise RunFailed("E-EMPTY", f"{source.name} holds no layer with features.")
    if len({frozenset(layer.columns) - ignored for layer in layers}) == 1:
        return layers
    spatial = [layer for layer in layers if layer.is_spatial]
    if len(spatial) == 1:
        return spatial
    raise RunHeld("W-MULTI-LAYER", f"{source.name} holds several layers ({names}); name one in the feed.")


def joined(
    chosen: list[LayerName], layers: list[LayerName], read: Callable[[LayerName], LayerRead]
) -> tuple[LayerRead, Issues]:
    """The chosen layers as one, and a notice where there was more than one to choose from. Layers read as one keep
    their name in the column `layer`."""
    parts = [read(layer) for layer in chosen]
    if len(layers) == 1:
        return parts[0], []
    names = ", ".join(layer.name for layer in chosen)
    if len(parts) == 1:
        return parts[0], [feed_issue("W-MULTI-LAYER", f"Layer {names} was read, one of {len(layers)}.")]
    frames = []
    for part in parts:
        columns = part.columns.get_columns()
        if "layer" not in part.columns.columns:
            columns.append(pl.Series("layer", [part.name] * len(part.geometry), dtype=pl.String))
        frames.append(pl.DataFrame(columns))
    unreadable, offset, curves = [], 0, 0
    for part in parts:
        unreadable += [offset + place for place in part.unreadable]
        curves += part.curves
        offset += len(part.geometry)
    geometry = np.concatenate([part.geometry for part in parts])
    whole = LayerRead(names, pl.concat(frames, how="diagonal"), geometry, unreadable, parts[0].crs, curves)
    return whole, [feed_issue("W-MULTI-LAYER", f"{len(parts)} layers of the same columns were read as one: {names}.")]
