"""The verbs on a finished run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_run_prints_one_json_object_and_nothing_else_on_standard_output(finished):
    directory, done = finished
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert result.keys() == {"run", "export", "weights", "scores", "seconds"}
    place = directory.parent.parent
    assert (place / result["run"]).samefile(directory)
    assert (place / result["export"] / "saved_model.pb").is_file()
    assert result["weights"] == "none"
    for scores in (result["scores"]["validation"], result["scores"]["test"]):
        assert scores.keys() == {*("accuracy", "macro_f1", "loss", "calibration_error", "images")}
    assert {"import", "reading", "model", "evaluation", "export", "total"} <= result[
        "seconds"
    ].keys()


def test_run_tells_a_person_what_happens(finished):
    _, done = finished
    for text in (
        "Photos: 37 train, 10 validation, 13 test; 0 files skipped",
        "Weights: none",
        "Stage unfrozen: epochs 2",
        "epoch   4/4",
        "Classes (test)",
        "macro-F1",
        "kerastl predict",
    ):
        assert text in done.stderr
    for noise in ("I0000", "WARNING", "cuda", "Traceback"):
        assert noise not in done.stderr


def test_the_command_that_shows_the_logs_is_told_before_training_and_at_the_end(finished):
    directory, done = finished
    lines = done.stderr.splitlines()
    command = f"tensorboard --logdir runs/{directory.name}/logs"
    first, last = (number for number, line in enumerate(lines) if command in line)
    assert first < next(i for i, line in enumerate(lines) if line.startswith("Stage frozen"))
    assert last > next(i for i, line in enumerate(lines) if line.startswith("Everything is in"))


def test_the_recipe_file_is_kept_beside_what_came_of_it(finished, recipe_file: Path):
    directory, _ = finished
    assert (directory / "recipe.py").read_text() == recipe_file.read_text()


def test_evaluate_finds_the_newest_run_by_the_recipes_name(finished, within):
    directory, done = finished
    again = within("evaluate", "colors", "--json", cwd=directory.parent.parent)
    expected = json.loads(done.stdout)["scores"]
    assert json.loads(again.stdout.splitlines()[-1])["scores"] == expected


def test_predict_files_and_folders(finished, program, photos: Path, tmp_path: Path):
    directory, _ = finished
    (tmp_path / "notes.txt").write_text("no photo")
    done = program(
        "predict", directory, photos / "red", tmp_path, "--top", "2", "--json", cwd=tmp_path
    )
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert len(result["predictions"]) == 20
    first = result["predictions"][0]
    assert first["file"] == str(photos / "red" / "red_00.jpg")
    assert first["top"][0]["label"] == first["label"]
    assert first["top"][0]["probability"] >= first["top"][1]["probability"]
    assert result["skipped"] == [{"file": str(tmp_path / "notes.txt"), "reason": "not an image"}]


def test_predict_prints_a_line_a_photo(finished, within, photos: Path):
    directory, _ = finished
    photo = photos / "red" / "red_00.jpg"
    done = within("predict", directory, photo, cwd=directory)
    name, label, probability = done.stdout.split()
    assert name == str(photo)
    assert label in {"blue", "green", "red"}
    assert 1 / 3 <= float(probability) <= 1


def test_predict_without_a_single_photo_fails(finished, program, tmp_path: Path):
    directory, _ = finished
    (tmp_path / "notes.txt").write_text("no photo")
    done = program("predict", directory, tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert "notes.txt: not an image" in done.stderr


def test_show_prints_settings_and_cuts(within, recipe_file: Path, tmp_path: Path):
    done = within("show", recipe_file, "--set", "stages.unfrozen.unfreeze=0.5", cwd=tmp_path)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["stages.unfrozen.unfreeze", "0.5"] in lines
    assert ["backbone.options.alpha", "0.25"] in lines
    cuts = [line for line in lines if len(line) >= 4 and line[0].isdecimal()]
    assert [int(line[0]) for line in cuts] == list(range(len(cuts)))
    assert cuts[-1][-1] == "frozen"
    assert [line[-1] for line in cuts].count("unfrozen") == 1


def test_of_settings_of_one_path_the_last_counts(within, tmp_path: Path):
    # Several views are of an augmented stage alone: the first is refused until the second is set.
    settings = ("views=4", "augment=light", "views=2")
    given = [part for each in settings for part in ("--set", f"stages.frozen.{each}")]
    done = within("show", "flowers", *given, cwd=tmp_path)
    assert ["stages.frozen.views", "2"] in [line.split() for line in done.stdout.splitlines()]


def test_copy_gives_a_file_that_can_be_shown(program, within, tmp_path: Path):
    done = program("copy", "candy", "my_candy.py", cwd=tmp_path)
    assert done.stdout == "Wrote my_candy.py. Run it with: kerastl run ./my_candy.py\n"
    again = program("copy", "candy", "my_candy.py", cwd=tmp_path)
    assert again.returncode == 2
    assert "my_candy.py exists and is left as it is" in again.stderr
    shown = within("show", "./my_candy.py", cwd=tmp_path)
    assert "block_11_add" in shown.stdout
    assert 'name="my_candy"' in (tmp_path / "my_candy.py").read_text(encoding="utf-8")


_RECIPE = """\
from kerastl import recipe as kinds
from kerastl.data import TFDS
OLD, photos = "flowers", TFDS(name='flowers')
recipe = kinds.Recipe(backbone=kinds.Backbone("MobileNet"), \\
    stages=kinds.Stage("frozen", epochs=1, learning_rate=1e-3), data=photos or "é", {})
"""


@pytest.mark.parametrize("old", ["'flowers'", '"flowers"', "'''flowers'''", "'flo'\n'wers'"])
def test_a_copy_has_its_own_name_however_the_old_one_is_written(within, tmp_path: Path, old: str):
    (tmp_path / "old.py").write_text(_RECIPE.format(f"name = {old}"), encoding="utf-8")
    within("copy", "./old.py", "new.py", cwd=tmp_path)
    assert (tmp_path / "new.py").read_text(encoding="utf-8") == _RECIPE.format('name = "new"')


def test_a_copy_whose_name_cannot_be_changed_is_not_written(program, tmp_path: Path):
    (tmp_path / "old.py").write_text(_RECIPE.format("name=OLD"), encoding="utf-8")
    done = program("copy", "./old.py", "new.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Expected name='flowers' in the Recipe(...) of ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new.py").exists()


def test_a_dry_run_writes_nothing(within, recipe_file: Path, tmp_path: Path):
    done = within("run", recipe_file, "--dry-run", "--unfreeze-after", "0", cwd=tmp_path)
    assert "Classes: blue, green, red" in done.stdout
    assert "Stage unfrozen" in done.stdout
    assert "Stage frozen" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([verb, "--help"] for verb in ("run", "compare", "show", "list", "copy"))],
)
def test_help_ends_in_examples(program, arguments: list[str], tmp_path: Path):
    done = program(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert "Examples:\n    kerastl " in done.stdout
