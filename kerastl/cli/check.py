"""`kerastl check`: look at photos before anything is learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli.options import json_option, print_json
from kerastl.errors import UsageError
from kerastl.files import absolute

if TYPE_CHECKING:
    from kerastl.data.report import Report

_EXAMPLES = """\b
Examples:
  kerastl check my_photos/
  kerastl check my_photos/ --strict
  kerastl check photos.csv
  kerastl check my_photos/ --output report/ --json
"""

# Where there are more classes than this, each is not named.
_MOST_CLASSES = 20


@click.command(epilog=_EXAMPLES)
@click.argument("data")
@click.option("--strict", is_flag=True, help="Exit with status 1 on an error or a warning.")
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where the report is written; checks/NAME unless it is given.",
)
@click.option(
    "--class-level",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="How many folders deep the class folders are.",
)
@json_option
def check(data: str, strict: bool, class_level: int, output: Path | None, as_json: bool) -> int:
    """Look at photos: files that are none, copies, what may mislead.

    DATA is a folder of class folders, or of train, val and test folders of those, or a manifest
    (.csv, .tsv, .jsonl). Copies are found also where
    they are turned, mirrored, resized, cropped a little or compressed again, above all those that
    are in two splits or two classes. Nothing is changed or removed but the list quarantine.txt in
    the folder: runs leave out the files that it names. Files that have not changed are not opened
    again.
    """
    from kerastl.cache import Cache
    from kerastl.data import TFDS, ImageFolder, source_of
    from kerastl.data.check import check
    from kerastl.data.facts import known_of
    from kerastl.data.page import write_report

    source, cache = source_of(data), Cache()
    if isinstance(source, ImageFolder):
        source = ImageFolder(data, class_level)
    if isinstance(source, TFDS):
        raise UsageError("A data set of TensorFlow Datasets is no folder; check your own photos.")
    labelled = source.find(everything=True)
    labelled.require_two_classes(source)
    labelled, facts = known_of(labelled, cache)
    report, root = check(labelled, facts, cache), source.root
    _print(report, root)
    write_report(report, root, output or Path("checks") / absolute(source.path).name)
    if as_json:
        print_json(report.as_json())
    return 1 if strict and report.serious else 0


def _by_class(counts: Mapping[str, int]) -> str:
    """Return how many photos each class has; where there are many classes, the range alone."""
    if len(counts) > _MOST_CLASSES:
        least, most = min(counts.values()), max(counts.values())
        return f"{least} to {most} of each of {len(counts)} classes"
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no class"


def _print(report: Report, root: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from kerastl.console import console, counted, say

    for split, counts in report.counts.items():
        say(f"{split}: {counted(report.photos[split], 'photo')}: {_by_class(counts)}")
    if not report.findings:
        say("Nothing was found.")
        return
    table = Table("", "found", box=None, header_style="bold", pad_edge=False)
    colors = {"error": "red", "warning": "yellow", "note": "dim"}
    # A path is in several lines rather than cut.
    table.columns[1].overflow = "fold"
    for finding in report.findings:
        level = Text(finding.level, style=colors[finding.level])
        table.add_row(level, Text(finding.summary(str(root))))
    console.print(table)
