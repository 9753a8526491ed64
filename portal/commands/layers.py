"""`citywide layers`: the layers that are defined, and what each holds."""

import json
from typing import Annotated

import typer
from rich.table import Table

from datasets.layer import find_layer, layers
from portal import console

app = typer.Typer(no_args_is_help=True, help="The citywide layers.")


@app.command("list")
def list_layers(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the layers."""
    with console.failing_plainly():
        if as_json:
            typer.echo(json.dumps([{"id": layer.id, "title": layer.title} for layer in layers().values()], indent=2))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Layer", "Title", "Shape", "Fields", "Standard"):
            table.add_column(heading, overflow="fold")
        for layer in layers().values():
            table.add_row(layer.id, layer.title, layer.geometry.value, str(len(layer.fields)), layer.standard)
        console.out.print(table)


@app.command()
def show(
    layer_id: Annotated[str, typer.Argument(metavar="LAYER", help="The layer's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the definition as JSON.")] = False,
) -> None:
    """Show a layer's fields, their types, values and the column names known for them."""
    with console.failing_plainly():
        layer = find_layer(layer_id)
        if as_json:
            typer.echo(layer.model_dump_json(indent=2))
            return
        console.out.print(
            f"[bold]{layer.title}[/bold] ({layer.geometry.value})\n{layer.description}\n{layer.standard_url}\n"
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Field", "Type", "What it is", "Known column names"):
            table.add_column(heading, overflow="fold")
        for name, field in layer.fields.items():
            told = field.description + (f" One of: {', '.join(field.codes)}." if field.codes else "")
            kind = field.type.value + (" *" if field.required else "")
            table.add_row(name, kind, told.replace("[", r"\["), ", ".join(field.aliases))
        console.out.print(table)
        console.out.print("* required")
