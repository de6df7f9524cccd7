from __future__ import annotations

import csv
import json
from pathlib import Path

import attrs
import pytest

import kerastl
from kerastl import flow, trained
from kerastl.data.folder import photo_files
from kerastl.errors import DataError, RunDirectoryError
from kerastl.recipe import Recipe, Splits
from kerastl.rundir import RunDirectory


@pytest.fixture(scope="module")
def done(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> kerastl.Run:
    return kerastl.run(recipe, tmp_path_factory.mktemp("runs") / "mine", exporting=False)


def test_a_run_directory_holds_everything(done: kerastl.Run):
    folder = done.directory.path
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "run.json",
        "history.csv",
        "checkpoint.npz",
        "model.keras",
        "report/confusion_test.png",
        "report/confusion_validation.png",
        "report/training_curves.png",
    }


def test_the_record_says_what_ran_and_what_came_of_it(done: kerastl.Run, recipe: Recipe):
    record = done.directory.read_record()
    assert record["status"] == "finished"
    assert record["classes"] == ["blue", "green", "red"]
    assert record["splits"] == {"train": 42, "validation": 9, "test": 9}
    assert record["weights"] is None
    assert record["epochs"] == 4
    assert record["scores"]["test"]["images"] == 9
    assert {"data", "model", "stage frozen", "stage unfrozen", "evaluation", "total"} <= set(
        record["seconds"]
    )
    assert trained.recipe_of(done.directory) == recipe


def test_the_history_has_a_row_an_epoch(done: kerastl.Run):
    with done.directory.history.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    assert done.directory.read_record()["best_epoch"] == int(best["epoch"])


def test_evaluating_again_gives_the_scores_of_the_run(done: kerastl.Run, photos: Path):
    model = trained.load(str(done.directory.path))
    again = model.evaluate()
    assert {name: some.as_json() for name, some in again.items()} == {
        name: some.as_json() for name, some in done.scores.items()
    }
    everything = model.evaluate(str(photos))
    assert {name: some.images for name, some in everything.items()} == {"all": 60}


def test_other_photos_are_matched_by_the_names_of_their_classes(
    done: kerastl.Run, photos: Path, tmp_path: Path
):
    for name in ("green", "red"):
        (tmp_path / name).symlink_to(photos / name)
    found = trained.load(str(done.directory.path)).evaluate(str(tmp_path))["all"]
    assert [score.images for score in found.by_class] == [0, 20, 20]
    assert found.confusion[0].sum() == 0
    (tmp_path / "violet").symlink_to(photos / "blue")
    with pytest.raises(DataError, match="violet, which the model does not know"):
        trained.load(str(done.directory.path)).evaluate(str(tmp_path))


def test_a_finished_run_cannot_be_resumed(done: kerastl.Run):
    with pytest.raises(RunDirectoryError, match="is finished; there is nothing to resume"):
        flow.resume(str(done.directory.path))


def test_an_export_never_overwrites(done: kerastl.Run, tmp_path: Path):
    model = trained.load(str(done.directory.path))
    assert model.export() == done.directory.export / "1"
    assert model.export() == done.directory.export / "2"
    (tmp_path / "there").mkdir()
    with pytest.raises(RunDirectoryError, match="there exists"):
        model.export(tmp_path / "there")


def test_a_damaged_model_is_told(done: kerastl.Run, tmp_path: Path):
    copy = RunDirectory(tmp_path)
    copy.write_record(done.directory.read_record())
    copy.model.write_bytes(done.directory.model.read_bytes()[:5000])
    with pytest.raises(RunDirectoryError, match=r"model\.keras is damaged") as caught:
        trained.load(str(tmp_path))
    assert "\n" not in str(caught.value)


class Mine:
    """A data source of somebody else's."""

    def __init__(self, splits: Splits) -> None:
        self.splits = splits

    def load(self, seed: int) -> Splits:
        return self.splits


def test_a_data_source_of_ones_own(recipe: Recipe, photos: Path, tmp_path: Path):
    splits = recipe.data.load(0)
    short = attrs.evolve(recipe, data=Mine(splits), stages=recipe.stages[:1])
    run = kerastl.run(short, tmp_path / "mine", exporting=False)
    model = trained.load(str(run.directory.path))
    assert model.evaluate(str(photos))["all"].images == 60
    with pytest.raises(DataError, match=r"Mine .*--data FOLDER"):
        model.evaluate()


def test_no_validation_photos_are_told_before_training(recipe: Recipe, tmp_path: Path):
    splits = recipe.data.load(0)
    without = splits._replace(validation=photo_files([], []))
    with pytest.raises(DataError, match="no usable validation photos"):
        kerastl.run(attrs.evolve(recipe, data=Mine(without)), tmp_path / "mine")
    record = json.loads((tmp_path / "mine" / "run.json").read_text())
    assert record["status"] == "failed"
    assert "no usable validation photos" in record["error"]
