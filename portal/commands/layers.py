"""`citywide layers`: the layers that are defined, what each holds, and a first definition of a new one."""

import json
import shlex
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from datasets.errors import CitywideError
from datasets.layer import Layer, LayerField, find_layer, layers
from datasets.scaffold import ExampleField, scaffold, write_scaffold
from datasets.settings import Settings, read_settings
from datasets.vocabulary import GeometryKind
from harvesters.columns.example import example_fields
from harvesters.open import open_resource
from portal import console

app = typer.Typer(no_args_is_help=True, help="The citywide layers.")


@app.command("list")
def list_layers(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the layers by theme."""
    with console.failing_plainly():
        if as_json:
            typer.echo(json.dumps([_line(layer) for layer in layers().values()], indent=2))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Layer", no_wrap=True)
        for heading in ("Title", "Shape"):
            table.add_column(heading, overflow="fold")
        table.add_column("Fields", justify="right")
        table.add_column("Standard", overflow="fold")
        ordered = sorted(layers().values(), key=lambda layer: (layer.theme, layer.title))
        for theme, group in groupby(ordered, key=lambda layer: layer.theme):
            table.add_row(f"[bold]{escape(theme)}[/bold]")
            for layer in group:
                row = (layer.id, layer.title, layer.geometry.value, str(len(layer.fields)), layer.standard)
                table.add_row(*map(escape, row))
        console.out.print(table)


@app.command()
def show(
    layer_id: Annotated[str, typer.Argument(metavar="LAYER", help="The layer's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the definition as JSON.")] = False,
) -> None:
    """Show a layer's fields: their types, ranges, values and the column names known for them."""
    with console.failing_plainly():
        layer = find_layer(layer_id)
        if as_json:
            typer.echo(layer.model_dump_json(indent=2))
            return
        for line in _about(layer):
            console.out.print(line, markup=False)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading, ratio in (("Field", 3), ("Type", 2), ("What it is", 7), ("Known column names", 4)):
            table.add_column(heading, overflow="fold", ratio=ratio)
        for name, field in layer.fields.items():
            known = ", ".join((*field.aliases, *field.parts))
            table.add_row(*map(escape, (name, _kind(field), _told(field), known)))
        console.out.print(table)
        console.out.print("* required", markup=False)


@app.command()
def new(
    layer_id: Annotated[str, typer.Argument(metavar="ID", help="Small letters, digits and hyphens: war-memorials.")],
    title: Annotated[str, typer.Option(help="What it is called, in the plural: War memorials.")],
    geometry: Annotated[GeometryKind, typer.Option(help="What shapes it holds.")] = GeometryKind.POINT,
    like: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A council's file of it; each column becomes a field.")
    ] = None,
) -> None:
    """Write a first definition of a new layer, which loads as it is, for you to go on from."""
    with console.failing_plainly():
        settings = read_settings()
        path = write_scaffold(settings.layers, layer_id, scaffold(title, geometry, _fields(like, settings)))
        told = [f"Wrote {path} with {len(layers()[layer_id].fields)} fields. Read it over, then:", "  citywide migrate"]
        # The first council's name stands for whose file it is.
        url = shlex.quote(f"https://example.org/{like.name}" if like else "https://example.org/file.csv")
        told.append(f"  citywide feeds add {url} --council COUNCIL --layer {layer_id} --licence OGL-UK-3.0")
        for line in told:
            console.out.print(line, markup=False, soft_wrap=True)


def _line(layer: Layer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "title": layer.title,
        "theme": layer.theme,
        "geometry": layer.geometry.value,
        "standard": layer.standard,
        "standard_url": layer.standard_url,
        "fields": len(layer.fields),
    }


def _about(layer: Layer) -> list[str]:
    """What stands above the fields; the last line is empty."""
    named = f"{layer.title} ({layer.geometry.value}, {layer.theme.lower()})"
    standard = " ".join(part for part in (f"{layer.standard}.", layer.standard_url) if part)
    return [named, layer.description, f"Standard: {standard}", ""]


def _kind(field: LayerField) -> str:
    unit = f", {field.unit}" if field.unit else ""
    return f"{field.type.value}{unit}{' *' if field.required else ''}"


def _told(field: LayerField) -> str:
    """The description, and whatever else limits what a value may be."""
    said = [field.description]
    if field.minimum is not None or field.maximum is not None:
        edges = [f"from {field.minimum:g}" if field.minimum is not None else ""]
        edges.append(f"up to {field.maximum:g}" if field.maximum is not None else "")
        said.append(f"{' '.join(filter(None, edges)).capitalize()}.")
    if field.codes:
        said.append(f"{'Any' if field.type.value == 'codes' else 'One'} of: {', '.join(field.codes)}.")
    if field.national:
        said.append("The same whoever publishes it.")
    if field.derived_from:
        said.append(f"Worked out from {field.derived_from}.")
    return " ".join(said)


def _fields(like: Path | None, settings: Settings) -> list[ExampleField]:
    if like is None:
        return []
    if not like.is_file():
        raise CitywideError(f"There is no file {like}.")
    with tempfile.TemporaryDirectory() as work:
        opened = open_resource(like, name=like.name, settings=settings, work=Path(work))
        return example_fields(opened)
