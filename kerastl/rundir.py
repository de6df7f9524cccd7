"""The folder a run writes to; the only file that knows the names of the files in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from kerastl.errors import RunDirectoryError

ROOT = Path("runs")


@attrs.frozen
class RunDirectory:
    """A folder that holds everything of one run, and is the run's only state."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe file that ran."""
        return self.path / "recipe.py"

    @property
    def record(self) -> Path:
        """What ran and what came of it, as JSON."""
        return self.path / "run.json"

    @property
    def history(self) -> Path:
        """One row an epoch, as CSV."""
        return self.path / "history.csv"

    @property
    def checkpoint(self) -> Path:
        """The state of training after an epoch, to resume from."""
        return self.path / "checkpoint.npz"

    @property
    def model(self) -> Path:
        """The best epoch's model, as Keras stores it."""
        return self.path / "model.keras"

    @property
    def report(self) -> Path:
        """The folder of scores and figures."""
        return self.path / "report"

    @property
    def export(self) -> Path:
        """The folder of SavedModels, one numbered folder each."""
        return self.path / "export"

    def read_record(self) -> dict[str, Any]:
        """Return what `write_record` wrote.

        Raises:
            RunDirectoryError: There is no record, or it is damaged.
        """
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunDirectoryError(
                f"{self.path} is no run directory: it has no {self.record.name}."
            ) from None
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{self.record} is damaged: {error}.") from error
        if not isinstance(record, dict):
            raise RunDirectoryError(f"{self.record} is damaged: it holds no JSON object.")
        return record

    def write_record(self, record: dict[str, Any]) -> None:
        """Replace the record as a whole."""
        write_text(self.record, json.dumps(record, indent=2) + "\n")

    def require_model(self) -> Path:
        """Return the path of the model.

        Raises:
            RunDirectoryError: The run has not come so far.
        """
        status = self.read_record().get("status", "unknown")
        if not self.model.is_file():
            raise RunDirectoryError(
                f"{self.path} has no {self.model.name} yet (status: {status}). "
                f"Finish it with: kerastl run --resume {self.path}"
            )
        return self.model


def create(name: str, output: Path | None = None, overwrite: bool = False) -> RunDirectory:
    """Make an empty run directory: the folder asked for, or a new one under `runs/`.

    Raises:
        RunDirectoryError: The folder holds something and `overwrite` is not set, or what it holds
            is no run, or it cannot be made.
    """
    path = output or _unused(ROOT / f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    directory = RunDirectory(path)
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            _clear(directory, overwrite)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(
            f"Cannot make the run directory {path}: {_reason(error)}."
        ) from error
    return directory


def _clear(directory: RunDirectory, overwrite: bool) -> None:
    path = directory.path
    if not overwrite:
        raise RunDirectoryError(
            f"{path} exists and is not empty. Name another folder, or add --overwrite."
        )
    if not directory.record.is_file():
        raise RunDirectoryError(
            f"{path} is no run directory, so --overwrite does not touch it. Name another folder."
        )
    shutil.rmtree(path)


def _unused(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def find(name: str) -> RunDirectory:
    """Return the run directory of that path, or the newest run of the recipe of that name.

    Raises:
        RunDirectoryError: There is neither.
    """
    if name and Path(name).is_dir():
        return RunDirectory(Path(name))
    runs = [record.parent for record in ROOT.glob(f"{name}-*/run.json")] if _is_word(name) else []
    if not runs:
        raise RunDirectoryError(
            f"There is no run directory {name!r}, and no run of such a recipe under {ROOT}/."
        )
    return RunDirectory(max(runs, key=lambda path: (path / "run.json").stat().st_mtime))


def _is_word(name: str) -> bool:
    return bool(name) and Path(name).name == name


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path to write to, which takes the target's place when the block ends well.

    Whatever happens on the way, the target is the whole old or the whole new one.

    Raises:
        RunDirectoryError: The disk is full, or the place cannot be written.
    """
    partial = target.with_name(f".partial-{os.getpid()}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise RunDirectoryError(
            f"Cannot write {target}: {_reason(error)}. What was written before is kept."
        ) from error
    finally:
        _remove(partial)


def write_text(target: Path, text: str) -> None:
    """Write a text file as a whole or not at all."""
    with replacing(target) as partial:
        partial.write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return error.strerror or str(error).partition("\n")[0]
