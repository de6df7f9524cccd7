"""The folder of all runs: makes run directories, and finds them again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kerastl.errors import RunDirectoryError
from kerastl.files import alone, reason
from kerastl.rundir import RunDirectory

ROOT = Path("runs")


def check_free(output: Path | None, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Make sure that a run may be written to the folder asked for, and change nothing yet.

    Args:
        output: The folder, if one was asked for.
        overwrite: Whether an earlier run in it may be replaced.
        inputs: What the run is going to read.

    Raises:
        RunDirectoryError: The folder holds something and `overwrite` is not set, or what it holds
            is no run, or holds one of the inputs or the current folder.
    """
    if output is None or not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not overwrite:
        raise RunDirectoryError(
            f"{output} exists and is not empty. Name another folder, or add --overwrite."
        )
    if not RunDirectory(output).record.is_file():
        raise RunDirectoryError(
            f"{output} is no run directory, so --overwrite does not touch it. Name another folder."
        )
    if Path.cwd().is_relative_to(output.resolve()):
        raise RunDirectoryError(
            f"You are inside {output.resolve()}, which --overwrite would delete. Change to a "
            f"folder outside of it, or name another one."
        )
    for path in inputs:
        if path.resolve().is_relative_to(output.resolve()):
            raise RunDirectoryError(
                f"{path} is needed for the run, and --overwrite would delete it with {output}. "
                f"Name another folder."
            )


def create(name: str, output: Path | None = None, overwrite: bool = False) -> RunDirectory:
    """Make an empty run directory: the folder asked for, or a new one under `runs/`.

    Raises:
        RunDirectoryError: See `check_free`; or the folder cannot be made.
    """
    check_free(output, overwrite)
    path = output or ROOT / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    try:
        if output is None:
            return RunDirectory(_make_unused(path))
        if path.is_dir():
            _replace(path.resolve())
        else:
            path.mkdir(parents=True)
    except OSError as error:
        raise RunDirectoryError(
            f"Cannot make the run directory {path}: {reason(error)}."
        ) from error
    return RunDirectory(path)


def _replace(path: Path) -> None:
    """Put an empty folder in the place of an earlier run, which is deleted once that is there."""
    earlier = path.with_name(f".replaced-{os.getpid()}-{path.name}")
    with alone(path):
        path.rename(earlier)
        path.mkdir()
    shutil.rmtree(earlier)


def _make_unused(path: Path) -> Path:
    """Make the folder, or one with a number after its name if another run has just made it."""
    number, free = 1, path
    while True:
        try:
            free.mkdir(parents=True)
        except FileExistsError:
            number += 1
            free = path.with_name(f"{path.name}-{number}")
        else:
            return free


def find(name: str, finished: bool = True, verb: str = "run") -> RunDirectory:
    """Return the run directory of that path, or the newest run of the recipe of that name.

    What `kerastl pretrain` has written is found in the same way, by the source model's name.

    Args:
        name: A path, or a recipe's name. A folder that is no run does not stand in a name's way.
        finished: Whether a run is wanted that has a model, one that has come to its end before all
            others, or else one that can be gone on with.
        verb: The verb of the command line that wrote it: `"run"` or `"pretrain"`.

    Raises:
        RunDirectoryError: There is neither.
    """
    named, is_path = RunDirectory(Path(name)), Path(name).name != name
    is_folder = bool(name) and named.path.is_dir()
    is_meant = is_folder and (is_path or named.record.is_file())
    runs = [] if is_meant else _runs_of(name, finished, verb)
    if runs:
        return max(runs, key=lambda run: (finished and run.is_finished, run.record.stat().st_mtime))
    if is_folder:
        named.require_verb(verb)
        return named
    kind = "finished run" if finished else "run to go on with"
    raise RunDirectoryError(
        f"There is no run directory {name!r}, and no {kind} of a recipe of that name under {ROOT}/."
    )


def require_model(name: str) -> None:
    """Make sure that a name means something: what is there is opened later, which takes TensorFlow.

    Args:
        name: A run directory, a recipe's name for its newest run, or an export.

    Raises:
        RunDirectoryError: There is nothing of that name.
    """
    if not os.path.lexists(name):
        find(name)


def _runs_of(name: str, finished: bool, verb: str) -> list[RunDirectory]:
    runs = [RunDirectory(each.parent) for each in ROOT.glob("*/run.json")]
    return [each for each in runs if each.is_of(name, verb) and each.serves(finished)]
