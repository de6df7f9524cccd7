"""`kerastl evaluate`: what a trained model is worth, on its own photos or others."""

from __future__ import annotations

import click

from kerastl import runs
from kerastl.cli.options import json_option, print_json
from kerastl.clock import Clock

_EXAMPLES = """\b
Examples:
  kerastl evaluate candy
  kerastl evaluate runs/candy-20260131-120000 --data new_photos/ --json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("run")
@click.option(
    "--data",
    metavar="DATA",
    help="Other photos: a folder of classes, or a manifest (.csv, .tsv, .jsonl).",
)
@json_option
@click.pass_obj
def evaluate(clock: Clock, /, run: str, data: str | None, as_json: bool) -> None:
    """Score RUN's model: a run directory, or a recipe's name for its newest run."""
    # A typing mistake is told before the seconds that TensorFlow takes.
    runs.find(run).require_model()
    with clock.part("import"):
        from kerastl import exports, trained
    from kerastl.console import console, say
    from kerastl.evaluation.tables import class_table, score_table

    with clock.part("model"):
        model = trained.load(run)
        click.echo(f"Run: {model.directory.path}", err=True)
    with clock.part("evaluation"):
        scores = model.evaluate(data)
    console.print(score_table(scores))
    for split, some in scores.items():
        say("")
        console.print(class_table(split, some))
    if as_json:
        exported = exports.newest_number(model.directory.export / model.about.name)
        found = {
            "run": str(model.directory.path),
            "export": str(exported) if exported else None,
            "weights": model.directory.require("weights") or "none",
            "scores": {split: some.summary() for split, some in scores.items()},
            "seconds": clock.report(),
        }
        print_json(found)
