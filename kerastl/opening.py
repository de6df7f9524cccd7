"""A name that a person gives -> the model that it means, ready to answer."""

from __future__ import annotations

from pathlib import Path

import attrs

from kerastl import exports, trained
from kerastl.serving.opened import Opened
from kerastl.serving.saved_model import open_saved_model


def open_model(name: str) -> Opened:
    """Open a run's model or an export. No code that is stored in it is run.

    Args:
        name: A run directory, a recipe's name for its newest run, an export's folder, or the
            folder of its numbers, of which the highest is taken.

    Raises:
        RunDirectoryError: There is nothing of that name.
        ExportError: It is damaged, or is none of kerastl's.
    """
    folder = Path(name)
    folder = exports.newest_number(folder) or folder
    if not (folder / "saved_model.pb").is_file():
        return trained.load(name).opened()
    number = int(folder.name) if folder.name.isdecimal() else 1
    return attrs.evolve(open_saved_model(folder), number=number)
