"""`kerastl predict`: labels and probabilities of photos."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl import runs
from kerastl.cli.options import json_option, print_json
from kerastl.console import note
from kerastl.data.given import Given, gathered
from kerastl.errors import UsageError, without_controls

if TYPE_CHECKING:
    from kerastl.serving.predict import Prediction

_EXAMPLES = """\b
Examples:
  kerastl predict candy photo.jpg
  kerastl predict runs/candy-20260131-120000 folder/ --top 3 --json
  kerastl predict runs/mine/export/candy "photos/**/*.jpg" --csv > answers.csv
  kerastl predict model.tflite folder/ --sort-into sorted/
  find . -name "*.png" | kerastl predict candy -
"""


@click.command(epilog=_EXAMPLES)
@click.argument("model")
@click.argument("photos", nargs=-1, required=True)
@click.option(
    "--top", type=click.IntRange(min=1), default=1, metavar="N", help="How many labels a photo."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table: all probabilities, as CSV.")
@click.option(
    "--sort-into",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy each photo into a folder named for its label.",
)
@json_option
def predict(
    model: str,
    photos: tuple[str, ...],
    top: int,
    as_csv: bool,
    sort_into: Path | None,
    as_json: bool,
) -> int:
    """Predict the labels of PHOTOS: files, folders, patterns, or - for standard input.

    MODEL is a run directory, a recipe's name for its newest run, or an export: its folder, its
    file, or an archive of it. Standard input is a photo, or paths of photos, one a line. A file
    that is no photo is named and left out; the exit status is 1 if none is left.
    """
    _require_csv_alone(as_csv, as_json, top)
    # Typing mistakes are told before the seconds that TensorFlow takes.
    runs.require_model(model)
    given = gathered(photos)
    _require_files(given, sort_into)
    from kerastl import predicting
    from kerastl.opening import open_model

    opened = open_model(model)
    click.echo(f"Model: {opened.path}", err=True)
    predictions, left_out, count = [], [], 0
    sorting = predicting.Sorting(sort_into) if sort_into else None
    for found, skipped in predicting.predict_files(opened, given, top):
        for one in skipped:
            note(f"Skipped {one.name}: {one.reason}")
        if sorting:
            sorting.copy(found)
        if as_json or as_csv:
            predictions += found
        else:
            _print_lines(found)
        count += len(found)
        left_out += [{"file": one.name, "reason": one.reason} for one in skipped]
    if as_json:
        found_json = [prediction.as_json() for prediction in predictions]
        print_json({"predictions": found_json, "skipped": left_out})
    if as_csv:
        _print_table(predictions, opened.about.classes)
    if sorting:
        click.echo(str(sorting), err=True)
        sorting.require_whole()
    return 0 if count else 1


def _require_csv_alone(as_csv: bool, as_json: bool, top: int) -> None:
    """Make sure that nothing was asked for that `--csv`, if given, does not do."""
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other; leave one out.")
    if as_csv and top > 1:
        raise UsageError("--csv has the probabilities of all classes; leave --top out.")


def _require_files(given: Given, sort_into: Path | None) -> None:
    """Make sure that there are files to copy where they are to be."""
    if sort_into and given.photo is not None:
        raise UsageError("--sort-into copies files, and this photo came from standard input.")


def _print_lines(predictions: Sequence[Prediction]) -> None:
    for prediction in predictions:
        click.echo(without_controls(_line(prediction)))


def _line(prediction: Prediction) -> str:
    answer, top = prediction.answer, _shown(prediction.answer.top)
    if answer.labels is not None:
        said = _shown(answer.labels) or "none of the labels"
        return f"{prediction.name}  {said}" + (f"  of: {top}" if len(answer.top) > 1 else "")
    # Of what is unsure, the most probable labels are not the answer.
    is_sure = answer.label == answer.top[0][0]
    return f"{prediction.name}  {top if is_sure else f'{answer.label}  of: {top}'}"


def _shown(labels: Sequence[tuple[str, float]]) -> str:
    return "  ".join(f"{label} {probability:.3f}" for label, probability in labels)


def _print_table(predictions: Sequence[Prediction], classes: Sequence[str]) -> None:
    text = _table(predictions, classes)
    click.echo(without_controls(text) if sys.stdout.isatty() else text, nl=False)


def _table(predictions: Sequence[Prediction], classes: Sequence[str]) -> str:
    """Return one line a photo: file, label, probability, and that of each class."""
    # NumPy is no part of how fast the command line answers.
    from kerastl.evaluation.predictions import in_one_cell

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "label", "probability", *classes])
    for one in predictions:
        labels = one.answer.labels
        label = one.answer.label if labels is None else in_one_cell([name for name, _ in labels])
        values = (f"{value:.6g}" for value in (one.answer.probability, *one.probabilities))
        table.writerow([one.name, label, *values])
    return text.getvalue()
