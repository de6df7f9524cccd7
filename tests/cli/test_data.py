"""Where photos come from and how they are divided, as the program's options say it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from colors import fill
from kerastl.evaluation.outcome import read_outcome
from kerastl.rundir import RunDirectory


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A manifest of photos with several labels."""
    path = tmp_path_factory.mktemp("listed") / "photos.csv"
    kinds = {"red": "red;warm", "blue": "blue", "green": "green;warm"}
    rows = [f"{photo},{kinds[photo.parent.name]}" for photo in sorted(photos.glob("*/*"))]
    path.write_text("path,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def several(program, recipe_file: Path, listed: Path) -> dict[str, object]:
    """What came of a run on photos with several labels."""
    done = program(
        *("run", recipe_file, "--data", listed, "--output", "mine", "--json"),
        *("--backbone", "MobileNetV2", "--weights", "procedural", "--image-size", "64"),
        *("--set", "backbone.options.alpha=0.35", "--set", "balance=weights"),
        *("--unfreeze-after", "8"),
        cwd=listed.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "average precision" in done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_several_labels_are_learned_scored_and_drawn(several: dict, listed: Path):
    assert several["scores"]["test"]["macro_f1"] > 0.8
    record = json.loads((listed.parent / "mine" / "run.json").read_text())
    assert record["multi_label"]
    assert set(record["scores"]["test"]["classes"]) == {"blue", "green", "red", "warm"}
    assert (listed.parent / "mine" / "report" / "confusion_test.png").is_file()
    kept = read_outcome(RunDirectory(listed.parent / "mine"))
    for split, scores in kept.scores().items():
        told = {name: scores.as_json()[name] for name in ("accuracy", "macro_f1", "loss", "images")}
        assert told.items() <= record["scores"][split].items()


@pytest.mark.slow
def test_several_labels_are_predicted_and_served(within, several: dict, listed: Path):
    photo = next(Path(name) for name in _names(listed) if "red" in name)
    done = within("predict", "mine", photo, "--json", "--top", "4", cwd=listed.parent)
    (found,) = json.loads(done.stdout)["predictions"]
    assert {one["label"] for one in found["labels"]} == {"red", "warm"}
    (line,) = within("predict", "mine", photo, cwd=listed.parent).stdout.splitlines()
    assert "red " in line.partition("  ")[2]
    assert "warm " in line
    served = tf.saved_model.load(str(listed.parent / "mine" / "export" / "colors" / "1"))
    answer = served.signatures["serving_default"](tf.constant([photo.read_bytes()]))
    values = answer["probabilities"][0].numpy()
    probabilities = dict(zip(("blue", "green", "red", "warm"), values, strict=True))
    for one in found["top"]:
        np.testing.assert_allclose(probabilities[one["label"]], one["probability"], atol=0.02)


@pytest.mark.slow
def test_several_labels_are_evaluated_on_other_photos_of_the_kind(
    program, within, several: dict, listed: Path, photos: Path
):
    done = within("evaluate", "mine", "--data", listed, "--json", cwd=listed.parent)
    assert json.loads(done.stdout)["scores"]["all"]["images"] == 60
    wrong = program("evaluate", "mine", "--data", photos, cwd=listed.parent)
    assert wrong.returncode == 1
    assert "has one label a photo, unlike the model's" in wrong.stderr


def _names(listed: Path) -> list[str]:
    return [line.split(",")[0] for line in listed.read_text().splitlines()[1:]]


@pytest.mark.slow
def test_photos_are_divided_as_in_an_earlier_run(
    within, several: dict, recipe_file: Path, photos: Path, listed: Path
):
    done = within(
        *("run", recipe_file, "--split", "mine", "--data", photos, "--seed", "7", "--dry-run"),
        "--json",
        cwd=listed.parent,
    )
    assert "60 photos of it, and 0 new" in done.stderr
    earlier = json.loads((listed.parent / "mine" / "splits.json").read_text())
    counts = {name: len(earlier[name]["names"]) for name in ("train", "validation", "test")}
    assert json.loads(done.stdout)["splits"] == counts


@pytest.mark.slow
def test_photos_are_divided_as_in_the_newest_run_of_a_recipe(
    program, recipe_file: Path, photos: Path, tmp_path: Path
):
    program("run", recipe_file, "--data", photos, "--no-export", cwd=tmp_path, check=True)
    # A folder or a file of that name is not in the way.
    (tmp_path / "colors").mkdir()
    again = ("run", recipe_file, "--data", photos, "--split", "colors", "--dry-run")
    done = program(*again, cwd=tmp_path, check=True)
    assert "60 photos of it, and 0 new" in done.stdout


def test_folds_and_class_folders_that_lie_deeper(within, recipe_file: Path, tmp_path: Path):
    for place in ("north", "south"):
        fill(tmp_path / "data" / place, 8, {"cat": (200, 60, 10), "dog": (10, 60, 200)})
    arguments = ("--data", "data", "--class-level", "2", "--fold", "1/4", "--dry-run", "--json")
    done = within("run", recipe_file, *arguments, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["classes"] == ["cat", "dog"]
    assert sum(found["splits"].values()) == 32


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--set", "balance=weights", "--set", "label_smoothing=0", "--data", "."], 1, "holds no"),
        (["--data", "photos.json"], 1, "There is no folder"),
        (["--fold", "9/5"], 2, "Division.fold must be a fold such as '2/5', not '9/5'"),
        (["--split", "nowhere"], 1, "no run directory 'nowhere'"),
        (["--data", "none.csv"], 1, "none.csv cannot be read: No such file"),
        (["--data", "none.csv", "--class-level", "2"], 2, "--class-level is of folders"),
        (["--class-level", "0"], 2, "0 is not in the range x>=1"),
        (["--set", "balance=weights", "--set", "label_smoothing=0.1"], 2, "exclude each other"),
        (["--set", "balance=both"], 2, "balance must be 'weights' or 'sampler', not 'both'"),
        (["--set", "division.validation=1"], 2, "validation must be a share from 0 to below 1"),
        (["--set", "division.validation=0.6", "--set", "division.test=0.4"], 2, "leave nothing"),
        (["--set", "data.group=("], 2, "ImageFolder.group must be a number of folders"),
        (["--set", "data.group=7"], 1, "group=7 finds none"),
    ],
)
def test_mistakes_are_told_in_a_line(
    program, recipe_file: Path, tmp_path: Path, arguments: list[str], status: int, message: str
):
    done = program("run", recipe_file, *arguments, "--output", "mine", cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mine").exists()


def test_weights_of_nothing_are_told_before_training(
    program, recipe_file: Path, photos: Path, tmp_path: Path
):
    rows = [f"{path},{path.parent.name},0" for path in sorted(photos.glob("*/*"))]
    (tmp_path / "photos.csv").write_text("\n".join(["path,label,weight", *rows]))
    done = program("run", recipe_file, "--data", "photos.csv", "--dry-run", cwd=tmp_path)
    assert done.returncode == 1
    assert "photos.csv have the weight 0" in done.stderr.splitlines()[-1]
