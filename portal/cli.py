"""The command `citywide`: every command by name. Each lives in portal/commands, in the file its name says."""

import logging
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from portal import console
from portal.commands import coverage, feeds, layers, loads, matches, quality, rules, tasks
from portal.commands.harvest import harvest
from portal.commands.history import as_of, changes, history, rollback
from portal.commands.rebuild import rebuild
from portal.commands.serve import migrate, serve, up
from portal.commands.status import status
from portal.commands.takedown import takedown
from portal.commands.worker import worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Borough data in, one citywide feed out.",
    epilog="Exit status: 0 all is well, 1 an error, 2 a wrong command line, 3 a feed is held, 4 a feed failed.",
)
app.command()(up)
app.command()(serve)
app.command()(migrate)
app.command()(harvest)
app.command()(worker)
app.command()(status)
app.command()(takedown)
app.command()(history)
app.command()(changes)
app.command("as-of")(as_of)
app.command()(rollback)
app.command()(rebuild)
app.command("coverage")(coverage.show)
app.command("quality")(quality.show)
app.add_typer(feeds.app, name="feeds")
app.add_typer(layers.app, name="layers")
app.add_typer(matches.app, name="matches")
app.add_typer(rules.app, name="rules")
app.add_typer(tasks.app, name="tasks")
app.add_typer(loads.boundaries, name="boundaries")
app.add_typer(loads.places, name="places")


@app.callback()
def start(debug: Annotated[bool, typer.Option("--debug", help="Log what happens, with tracebacks.")] = False) -> None:
    """Borough data in, one citywide feed out."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # Its warnings of each try come before our own line, which says the same in one sentence.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in ("citywide", "harvesters", "datasets"):
        # A run that breaks is told in a line of its own; its traceback is for who asks.
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.CRITICAL)


def main() -> None:
    """The entry point: whatever happens, a person sees one line and a status."""
    with console.failing_plainly():
        try:
            status = app(standalone_mode=False)
        except TyperException as error:
            message = error.format_message().rstrip(".")
            # Without arguments the help has been printed, and there is nothing left to say.
            if not message:
                sys.exit(console.USAGE)
            console.stop(f"{message}.", console.USAGE)
        sys.exit(status)


if __name__ == "__main__":
    main()
