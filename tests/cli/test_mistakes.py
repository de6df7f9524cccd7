"""Every mistake is one line with a remedy, and nothing of the person's is lost."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colors import COLORS, fill
from kerastl.rundir import RunDirectory

MIXED = ["--set", "stages.frozen.mix=mixup"]


def told(done: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line of an error."""
    assert done.returncode == status, done.stdout + done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Error") == 1
    return last


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "cany"], "no recipe 'cany'. Did you mean 'candy'?"),
        (["run"], "Name a recipe"),
        (["run", "candy", "--resume", "candy"], "the run's own recipe; leave 'candy' out"),
        (["run", "--resume", "candy", "--seed", "0"], "leave the other options out"),
        (["run", "--resume", "candy", "--seeds", "2"], "leave the other options out"),
        (["run", "candy", "--seeds", "2", "--dry-run"], "--dry-run is of one run; leave --seeds"),
        (["run", "candy", "--tensorboard", "--dry-run"], "writes no logs; leave --tensorboard out"),
        (["run", "candy", "--seeds", "1"], "'--seeds': 1 is not in the range"),
        (["run", "./nowhere.py"], "no recipe file"),
        (["run", "candy", "--unfreeze-after", "-1"], "'--unfreeze-after': -1 is not in the range"),
        (["run", "candy", "--unfreeze-after", "five"], "'five' is not a valid integer"),
        (["run", "candy", "--set", "stages.frosen.epochs=3"], "Did you mean 'frozen'?"),
        (["run", "candy", "--set", "stages.frozen.epochs"], "--set takes PATH=VALUE"),
        (["run", "candy", "--set", "stages.frozen.epochs=0"], "from 1, or 'auto', not 0"),
        (["run", "candy", "--dry-run", *MIXED, "--set", "stages.frozen.views=2"], "mix and views"),
        (
            ["run", "candy", "--dry-run", *MIXED, "--set", "balance=weights"],
            "mix exclude each other",
        ),
        (["run", "candy", "--batch-size", "0"], "a number of photos from 1, or 'auto', not 0"),
        (["run", "candy", "--batch-size", "many"], "from 1, or 'auto', not 'many'"),
        (["run", "candy", "--image-size", "8"], "a number of pixels from 32, not 8"),
        (["run", "candy", "--unfreez-after", "3"], "Did you mean '--unfreeze-after'?"),
        (["rum"], "rum"),
        (["show", "candy", "--backbone", "MobileNetV"], "Did you mean 'MobileNetV"),
        (["show", "candy", "--set", "backbone.options.alfa=1"], "Did you mean 'alpha'?"),
        (["copy", "candy", "candy.txt"], "ends in .py: candy.py, not candy.txt"),
    ],
)
def test_wrong_usage(program, tmp_path: Path, arguments: list[str], message: str):
    assert message in told(program(*arguments, cwd=tmp_path), 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["evaluate", "predict", "export"])
def test_a_run_that_does_not_exist(program, tmp_path: Path, verb: str):
    done = program(verb, "candy", *(["x.jpg"] if verb == "predict" else []), cwd=tmp_path)
    assert "There is no run directory 'candy'" in told(done, 1)


def test_a_half_written_run(program, tmp_path: Path):
    RunDirectory(tmp_path / "half").write_record({"status": "running", "recipe": {}})
    line = told(program("evaluate", "half", cwd=tmp_path), 1)
    assert "no model.keras yet (status: running)" in line
    assert "kerastl run --resume half" in line
    (tmp_path / "half" / "run.json").write_text("{")
    assert "run.json is damaged" in told(program("export", "half", cwd=tmp_path), 1)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "holds no class folders"),
        (["red"], "the one class 'red'"),
        (["red", "blue", "hollow"], "no photos of class 'hollow'"),
    ],
)
def test_a_folder_that_cannot_be_learned_from(
    program, recipe_file: Path, tmp_path: Path, classes: list[str], message: str
):
    data = tmp_path / "data"
    fill(data, 4, {name: COLORS[name] for name in classes if name in COLORS})
    for name in classes:
        (data / name).mkdir(exist_ok=True, parents=True)
    data.mkdir(exist_ok=True)
    done = program("run", recipe_file, "--data", data, "--output", "mine", cwd=tmp_path)
    assert message in told(done, 1)


def test_files_that_are_no_photos_are_named_and_counted(
    within, recipe_file: Path, photos: Path, tmp_path: Path
):
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    (data / "red" / "notes.txt").write_text("not a photo")
    good = (data / "red" / "red_00.jpg").read_bytes()
    (data / "blue" / "half.jpg").write_bytes(good[: len(good) // 2])
    done = within(
        "run", recipe_file, "--data", data, "--no-export", "--unfreeze-after", "0", cwd=tmp_path
    )
    assert f"Skipped {data}/red/notes.txt: not an image" in done.stdout
    assert f"Skipped {data}/blue/half.jpg: " in done.stdout
    assert "; 2 files skipped" in done.stdout
    (directory,) = (tmp_path / "runs").iterdir()
    assert len(RunDirectory(directory).read_record()["skipped"]) == 2


def test_weights_that_do_not_fit(program, recipe_file: Path, tmp_path: Path):
    (tmp_path / "wrong.h5").write_text("no weights")
    done = program("run", recipe_file, "--weights", "wrong.h5", cwd=tmp_path)
    assert "Weights file wrong.h5 is damaged or no HDF5 file" in told(done, 1)


def test_an_earlier_run_is_not_overwritten_unless_asked(
    program, recipe_file: Path, finished, tmp_path: Path
):
    directory, _ = finished
    shutil.copytree(directory, tmp_path / "mine")
    before = (tmp_path / "mine" / "model.keras").read_bytes()
    done = program("run", recipe_file, "--output", "mine", cwd=tmp_path)
    assert "mine exists and is not empty" in told(done, 1)
    assert (tmp_path / "mine" / "model.keras").read_bytes() == before


def _little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.slow
def test_no_room_left_keeps_what_was_there(program, recipe_file: Path, finished, tmp_path: Path):
    directory, _ = finished
    shutil.copytree(directory, tmp_path / "runs" / "colors-1")
    done = program("run", recipe_file, cwd=tmp_path, preexec_fn=_little_room)
    line = told(done, 1)
    assert "Cannot write runs/colors-" in line
    assert "File too large" in line
    assert "What was written before is kept" in line
    (failed,) = (each for each in (tmp_path / "runs").iterdir() if each.name != "colors-1")
    assert RunDirectory(failed).read_record()["status"] == "failed"
    assert not list(failed.rglob(".partial*"))
    export = program("export", "runs/colors-1", cwd=tmp_path, preexec_fn=_little_room)
    assert "Cannot write runs/colors-1/export/colors/2" in told(export, 1)
    kept = tmp_path / "runs" / "colors-1" / "export" / "colors"
    assert {each.name for each in kept.iterdir()} == {".lock", "1"}


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_the_run_can_be_gone_on_with(
    within, recipe_file: Path, tmp_path: Path
):
    command = [Path(sys.executable).parent / "kerastl", "run", recipe_file, "--no-export"]
    many = ["--set", "stages.frozen.epochs=150", "--set", "stages.unfrozen.epochs=1"]
    with subprocess.Popen(
        [*command, *many, "--output", "mine"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, the shell lets Ctrl-C be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        for line in running.stdout:
            if " 20/" in line:
                running.send_signal(signal.SIGINT)
                break
        printed = running.stdout.read()
        errors = running.stderr.read()
    assert running.returncode == 130, printed + errors
    assert "Go on with: kerastl run --resume mine" in printed
    assert errors.strip() == "Stopped."
    record = RunDirectory(tmp_path / "mine").read_record()
    assert record["status"] == "interrupted"
    assert 20 <= record["epochs"] < 150
    early = within("evaluate", "mine", cwd=tmp_path)
    assert "Warning: mine is not finished (status: interrupted)" in early.stderr
    again = within("run", "--resume", "mine", "--no-export", cwd=tmp_path)
    assert f"Resuming mine after epoch {record['epochs']}\n" in again.stdout
    record = RunDirectory(tmp_path / "mine").read_record()
    assert record["status"] == "finished"
    assert record["epochs"] == 151


def test_a_photo_that_does_not_exist(program, finished):
    directory, _ = finished
    line = told(program("predict", directory, "gone.jpg", cwd=directory), 1)
    assert "There is no file or folder 'gone.jpg'" in line
