"""A run that was broken off, by whatever, goes on and ends as if it had not been."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kerastl.rundir import RunDirectory
from kerastl.training.state import State

KILLS = 5
_LONGER = (
    *("--set", "stages.frozen.epochs=4", "--set", "stages.frozen.augment=true"),
    *("--set", "stages.unfrozen.epochs=12", "--set", "stages.unfrozen.augment=true"),
    *("--set", "backbone.image_size=96", "--no-export"),
)


def killed(
    arguments: list[str | Path], cwd: Path, when: Callable[[str], bool], after: float
) -> str:
    """Run the program, and kill -9 it some seconds after a line that it prints."""
    executable = Path(sys.executable).parent / "kerastl"
    with subprocess.Popen(
        [executable, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        seen = ""
        for line in running.stdout:
            seen += line
            if when(line):
                time.sleep(after)
                running.send_signal(signal.SIGKILL)
        running.wait()
    return seen


def ending(directory: Path) -> tuple[list[str], list[np.ndarray], int]:
    """Return what a run has ended in: its history without seconds, its weights, its best epoch."""
    run = RunDirectory(directory)
    rows = [line.rsplit(",", 1)[0] for line in run.history.read_text().splitlines()]
    state = State.load(run.checkpoint)
    return rows, [*state.model, *state.best, *state.optimizer], state.best_epoch


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(
    program, recipe_file: Path, tmp_path: Path
):
    run = ["run", recipe_file, *_LONGER]
    assert program(*run, "--output", "whole", cwd=tmp_path).returncode == 0
    chance = random.Random(0)
    begin, again = [*run, "--output", "mine"], ["run", "--resume", "mine"]
    reached = 0
    for number in range(KILLS):
        first = reached + 1
        seen = killed(
            again if number else begin,
            tmp_path,
            # At least one more epoch is done, so that there is an end.
            lambda line, first=first: f" {first}/16" in line,
            chance.random(),
        )
        assert "Unexpected" not in seen
        checkpoint = RunDirectory(tmp_path / "mine").checkpoint
        reached = State.load(checkpoint).epoch if checkpoint.is_file() else 0
    # The newest checkpoint may have been damaged by then.
    newest, before = RunDirectory(tmp_path / "mine").checkpoints
    assert newest.is_file()
    is_damaged = before.is_file()
    if is_damaged:
        newest.write_bytes(newest.read_bytes()[:-1000])
    done = program(*again, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Weights: those of the checkpoint" in done.stdout
    assert ("Going on from the checkpoint before it" in done.stdout) == is_damaged
    (rows, arrays, best), (others, theirs, best_of_it) = map(
        ending, (tmp_path / "mine", tmp_path / "whole")
    )
    assert rows == others
    assert best == best_of_it
    for mine, other in zip(arrays, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
    for place in ("mine", "whole"):
        assert RunDirectory(tmp_path / place).read_record()["status"] == "finished"


@pytest.fixture
def stopped(finished, tmp_path: Path) -> RunDirectory:
    """A run that was stopped before its evaluation."""
    run = RunDirectory(tmp_path / "mine")
    shutil.copytree(finished[0], run.path)
    run.write_record({**run.read_record(), "status": "interrupted", "exporting": False})
    return run


def test_another_version_is_told_and_can_be_forced(stopped: RunDirectory, program, within):
    record = stopped.read_record()
    stopped.write_record({**record, "versions": {**record["versions"], "keras": "3.0.0"}})
    done = program("run", "--resume", "mine", cwd=stopped.path.parent)
    assert done.returncode == 1
    assert "Since mine began, keras 3.0.0 became 3." in done.stderr
    assert "--force goes on nevertheless" in done.stderr
    assert stopped.read_record()["status"] == "interrupted"
    done = within("run", "--resume", "mine", "--force", cwd=stopped.path.parent)
    assert "Warning: Since mine began, keras 3.0.0 became 3." in done.stdout
    (change,) = stopped.read_record()["changes"]
    assert change.startswith("keras 3.0.0 became")


def test_a_recipe_that_was_changed_is_told(stopped: RunDirectory, program, tmp_path: Path):
    changed = tmp_path / "colors.py"
    changed.write_text("recipe = None\n")
    stopped.write_record({**stopped.read_record(), "file": str(changed)})
    done = program("run", "--resume", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert f"the recipe {changed} was changed (the run goes on with its copy)" in done.stderr


@pytest.mark.slow
def test_photos_that_were_changed_are_told_and_those_that_are_gone_left_out(
    stopped: RunDirectory, program, tmp_path: Path
):
    lock = json.loads(stopped.splits.read_text())
    data = tmp_path / "photos"
    shutil.copytree(lock["root"], data)
    lock["train"]["names"], lock["validation"]["names"], lock["test"]["names"] = (
        [name.replace(lock["root"], str(data)) for name in lock[split]["names"]]
        for split in ("train", "validation", "test")
    )
    stopped.splits.write_text(json.dumps({**lock, "root": str(data)}))
    Path(lock["test"]["names"][0]).unlink()
    with Path(lock["test"]["names"][1]).open("ab") as file:
        file.write(b" ")
    done = program("run", "--resume", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert "photos of it are gone: 1, such as" in done.stderr
    assert "photos of it were changed: 1, such as" in done.stderr
    done = program("run", "--resume", "mine", "--force", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Skipped {lock['test']['names'][0]}: there is no such file" in done.stdout


def test_force_is_for_what_is_resumed(program, tmp_path: Path):
    done = program("run", "candy", "--force", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "Error: --force is for --resume RUN.\n")


def test_a_run_that_has_reached_nothing_is_begun_anew(
    program, within, recipe_file: Path, tmp_path: Path
):
    RunDirectory(tmp_path / "mine").write_record({"status": "begun", "recipe": {"name": "x"}})
    done = program("run", "--resume", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert "mine was broken off before anything was reached; begin it anew." in done.stderr
    within("run", recipe_file, "--output", "mine", "--overwrite", "--dry-run", cwd=tmp_path)
