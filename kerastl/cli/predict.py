"""`kerastl predict`: labels and probabilities of photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kerastl.cli.options import json_option, print_json

if TYPE_CHECKING:
    from kerastl.serving.predict import Prediction

_EXAMPLES = """\b
Examples:
  kerastl predict candy photo.jpg
  kerastl predict runs/candy-20260131-120000 folder/ --top 3 --json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("run")
@click.argument("photos", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=1, help="How many labels a photo.")
@json_option
def predict(run: str, photos: tuple[str, ...], top: int, as_json: bool) -> int:
    """Predict the labels of PHOTOS, files or folders, with RUN's model.

    RUN is a run directory, or a recipe's name for its newest run. A file that is no photo is named
    and left out; the exit status is 1 if none is left.
    """
    from kerastl import trained

    model = trained.load(run)
    click.echo(f"Run: {model.directory.path}", err=True)
    predictions, skipped = model.predict(photos, top)
    for one in skipped:
        click.echo(f"Skipped {one.name}: {one.reason}", err=True)
    if as_json:
        left_out = [{"file": one.name, "reason": one.reason} for one in skipped]
        found = [prediction.as_json() for prediction in predictions]
        print_json({"predictions": found, "skipped": left_out})
    else:
        for prediction in predictions:
            click.echo(_line(prediction))
    return 0 if predictions else 1


def _line(prediction: Prediction) -> str:
    shown = prediction.top
    # Of any number of labels one is not the answer.
    if prediction.labels is not None and len(shown) == 1:
        shown = prediction.labels
    labels = "  ".join(f"{label} {probability:.3f}" for label, probability in shown)
    return f"{prediction.name}  {labels or 'none of the labels'}"
