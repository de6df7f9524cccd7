"""`kerastl export`: a SavedModel for serving."""

from __future__ import annotations

from pathlib import Path

import click

from kerastl.cli.options import json_option, print_json

_EXAMPLES = """\b
Examples:
  kerastl export candy
  kerastl export runs/candy-20260131-120000 --output served/candy/1
"""


@click.command(epilog=_EXAMPLES)
@click.argument("run")
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="The SavedModel's folder; it must not exist.",
)
@json_option
def export(run: str, output: Path | None, as_json: bool) -> None:
    """Write RUN's model as a SavedModel that takes photo files as they are.

    RUN is a run directory, or a recipe's name for its newest run. Without --output the SavedModel
    goes into the run directory, under the next number, as TensorFlow Serving expects it.
    """
    from kerastl import trained
    from kerastl.console import say

    model = trained.load(run)
    click.echo(f"Run: {model.directory.path}", err=True)
    target = model.export(output)
    say(f"Wrote the SavedModel {target}")
    if as_json:
        print_json({"run": str(model.directory.path), "export": str(target)})
