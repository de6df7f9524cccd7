from __future__ import annotations

import json
from pathlib import Path

import pytest

from kerastl.rundir import RunDirectory

SMALL = ["--image-size", "32", "--epochs", "1", "--batch-size", "21"]
NARROW = ["MobileNet", "--set", "backbone.options.alpha=0.25", *SMALL]


@pytest.mark.slow
def test_a_source_model_is_made_and_used(program, photos: Path, recipe_file: Path, tmp_path: Path):
    done = program("pretrain", *NARROW, "--data", photos, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "whole      epoch   1/1" in done.stderr
    assert "Next:" in done.stderr
    made = json.loads(done.stdout.splitlines()[-1])
    manifest = json.loads((tmp_path / made["manifest"]).read_text())
    assert manifest["command"].startswith("kerastl pretrain MobileNet --set backbone.options.al")
    assert manifest["images_seen"] == made["images_seen"] == 44

    used = program("run", recipe_file, "--weights", made["weights"], "--dry-run", cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    assert f"Weights: {made['weights']}" in used.stdout
    wider = ["--set", "backbone.options.alpha=0.5", "--weights", made["weights"]]
    refused = program("run", recipe_file, *wider, "--dry-run", cwd=tmp_path)
    assert refused.returncode == 1
    assert "is for MobileNet(alpha=0.25" in refused.stderr
    assert refused.stderr.count("\n") == 1

    (directory,) = (tmp_path / "runs").iterdir()
    for verb in ("evaluate", "export"):
        line = program(verb, directory, cwd=tmp_path).stderr
        assert "is of `kerastl pretrain`, not of `kerastl run`" in line
    assert (
        f"--weights {made['weights']} --backbone MobileNet --set backbone.options.alpha=0.25"
        in (done.stderr)
    )
    line = program("pretrain", "--resume", directory, cwd=tmp_path).stderr
    assert "is finished; there is nothing to resume" in line


def test_a_backbone_that_cannot_be_built_is_told_before_anything_is_replaced(
    program, photos: Path, tmp_path: Path
):
    RunDirectory(tmp_path / "mine").write_record({"verb": "pretrain"})
    wrong = ["--set", "backbone.options.alfa=0.5", "--output", "mine", "--overwrite"]
    done = program("pretrain", "MobileNet", *SMALL, *wrong, "--data", photos, cwd=tmp_path)
    assert done.returncode == 2
    assert "has no option 'alfa'. Did you mean 'alpha'?" in done.stderr
    assert RunDirectory(tmp_path / "mine").read_record() == {"verb": "pretrain"}


def test_a_source_that_is_not_there(program, tmp_path: Path):
    done = program("pretrain", "MobileNet", *SMALL, "--data", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: There is no folder '")
    assert done.stderr.endswith("nowhere'.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pretrain"], "Name one backbone of keras.applications, or --resume RUN"),
        (["pretrain", "MobileNetV", *SMALL], "Did you mean 'MobileNetV"),
        (["pretrain", "MobileNet", "--image-size", "8"], "a number of pixels from 32, not 8"),
        (["pretrain", "MobileNet", "--epochs", "0"], "a number of epochs from 1, not 0"),
        (["pretrain", "MobileNet", "--set", "phases.smal.epochs=1"], "Did you mean 'small'?"),
        (["pretrain", "MobileNet", "--set", "backbone.weights=imagenet"], "with weights=None"),
        (["pretrain", "--resume", "x", "--epochs", "3"], "leave the other options out"),
    ],
)
def test_wrong_usage(program, tmp_path: Path, arguments: list[str], message: str):
    done = program(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []
