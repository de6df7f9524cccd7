from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Never

import attrs
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

import kerastl
from colors import fill, photo
from kerastl import begun, flow, trained
from kerastl.data import ImageFolder
from kerastl.data.given import Given
from kerastl.data.photos import read_photos
from kerastl.errors import DataError, RunDirectoryError, TrainingError, WeightsError
from kerastl.files import alone
from kerastl.labelled import Division, Labelled, Split, Splits
from kerastl.predicting import predict_files
from kerastl.recipe import Recipe
from kerastl.rundir import RunDirectory
from kerastl.serving.form import Form
from kerastl.training.model import build
from kerastl.training.state import State, assign


@pytest.fixture(scope="module")
def done(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> kerastl.Run:
    return kerastl.run(recipe, tmp_path_factory.mktemp("runs") / "mine", exporting=False)


def test_a_run_directory_holds_everything(done: kerastl.Run):
    folder = done.directory.path
    files = [path for path in folder.rglob("*") if path.is_file()]
    history, end = sorted(path.name for path in files if path.parent.name == "logs")
    assert history.startswith("events.out.tfevents.")
    assert end == "events.out.tfevents.end"
    assert {str(path.relative_to(folder)) for path in files if path.parent.name != "logs"} == {
        ".lock",
        "run.json",
        "splits.json",
        "history.csv",
        "checkpoint.npz",
        "model.keras",
        "report/confusion_test.png",
        "report/confusion_validation.png",
        "report/predictions_test.csv",
        "report/predictions_validation.csv",
        "report/training_curves.png",
    }


def test_the_record_says_what_ran_and_what_came_of_it(done: kerastl.Run, recipe: Recipe):
    record = done.directory.read_record()
    assert record["status"] == "finished"
    assert record["classes"] == ["blue", "green", "red"]
    counts = {name: len(split) for name, split in recipe.data.load(recipe.seed).by_name().items()}
    assert record["splits"] == counts
    assert sum(counts.values()) == 60
    assert record["weights"] is None
    assert record["epochs"] == 4
    assert record["scores"]["test"]["images"] == counts["test"]
    assert {
        "reading",
        "model",
        "trunk",
        "stage frozen",
        "stage unfrozen",
        "evaluation",
        "before the first epoch",
        "total",
    } <= set(record["seconds"])
    assert begun.recipe_of(done.directory) == recipe


def test_the_history_has_a_row_an_epoch(done: kerastl.Run):
    with done.directory.history.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    assert done.directory.read_record()["best_epoch"] == int(best["epoch"])


def test_evaluating_again_gives_the_scores_of_the_run(done: kerastl.Run, photos: Path):
    model = trained.load(str(done.directory.path))
    told = done.directory.predictions("test")
    before = told.read_bytes()
    told.unlink()
    again = model.evaluate()
    assert told.read_bytes() == before
    assert {name: some.as_json() for name, some in again.items()} == {
        name: some.as_json() for name, some in done.scores.items()
    }
    everything = model.evaluate(str(photos))
    assert {name: some.images for name, some in everything.items()} == {"all": 60}
    assert not done.directory.predictions("all").exists()


@pytest.mark.slow
def test_photos_are_looked_at_twice_wherever_the_model_is_used(
    recipe: Recipe, photos: Path, tmp_path: Path
):
    twice = attrs.evolve(recipe.unfreeze_after(1), test_views=2)
    twice = attrs.evolve(twice, stages=twice.stages[:1])
    run = kerastl.run(twice, tmp_path / "mine")
    model = trained.load(str(tmp_path / "mine"))
    again = model.evaluate()
    assert {name: some.as_json() for name, some in again.items()} == {
        name: some.as_json() for name, some in run.scores.items()
    }
    once = build(recipe, 3).model
    assign(once, State.load(run.directory.checkpoint).best)
    files = sorted(map(str, photos.glob("*/*_0[0-3].jpg")))
    images = read_photos(Split(files, [0] * len(files)), 32).images[:].astype(np.float32)
    seen, mirrored = (np.asarray(once(some)) for some in (images, images[:, :, ::-1]))
    temperature = run.directory.require("temperature")
    expected = softmax((seen + mirrored) / 2 / temperature, axis=1)
    assert np.abs(expected - softmax(seen / temperature, axis=1)).max() > 1e-3
    served = tf.saved_model.load(str(run.export)).signatures["image"](images=tf.constant(images))
    # A random network makes much of the last bits.
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-4)
    ((predictions, _),) = predict_files(model.opened(), Given(files))
    found = [prediction.answer.probability for prediction in predictions]
    np.testing.assert_allclose(found, expected.max(axis=1), atol=1e-4)


def test_a_mistake_in_the_backbone_is_told_before_a_photo_is_read(recipe: Recipe, tmp_path: Path):
    class Unread:
        def find(self) -> Labelled:
            def never(numbers: Sequence[int]) -> Never:
                pytest.fail("a photo was read")

            some = Split(("a", "b"), (0, 1), never)
            return Labelled.of({"train": some, "validation": some, "test": some}, ("x", "y"))

    wrong = attrs.evolve(recipe, data=Unread()).override("backbone.weights", "gone.weights.h5")
    with pytest.raises(WeightsError, match="no weights file"):
        kerastl.run(wrong, tmp_path / "mine")


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_of_no_class_is_told(recipe: Recipe, photos: Path, tmp_path: Path, label: int):
    class Wrong:
        def find(self) -> Labelled:
            files = sorted(map(str, photos.glob("*/*")))[:4]
            good, bad = Split(files, [0, 1, 0, 1]), Split(files, [0, 1, 0, label])
            return Labelled.of({"train": good, "validation": bad, "test": good}, ("x", "y"))

    with pytest.raises(DataError, match=r"The validation photos of .* expected 0 to 1, the num"):
        kerastl.run(attrs.evolve(recipe, data=Wrong()), tmp_path / "mine")


@pytest.mark.slow
def test_a_run_without_a_checkpoint_begins_anew(
    recipe: Recipe, done: kerastl.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object) -> Never:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(flow.Training, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            kerastl.run(recipe, tmp_path / "mine", exporting=False)
    elsewhere = alone(tmp_path / "mine")
    with elsewhere, pytest.raises(RunDirectoryError, match="written by another process"):
        flow.resume(str(tmp_path / "mine"))
    again = flow.resume(str(tmp_path / "mine"))
    assert again.scores["test"].as_json() == done.scores["test"].as_json()
    assert again.export is None


def test_what_the_run_reads_is_not_overwritten(recipe: Recipe, done: kerastl.Run):
    folder = done.directory.path
    mine = attrs.evolve(recipe, data=ImageFolder(str(folder / "photos")))
    with pytest.raises(RunDirectoryError, match="is needed for the run"):
        kerastl.run(mine, folder, overwrite=True)
    with pytest.raises(RunDirectoryError, match="is needed for the run"):
        kerastl.run(recipe, folder, overwrite=True, file=folder / "recipe.py")
    assert done.directory.model.is_file()


@pytest.mark.parametrize("earlier", ["runs/keep", "runs/keep/splits.json", "colors"])
def test_the_run_whose_splits_are_read_is_not_overwritten(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: str
):
    monkeypatch.chdir(tmp_path)
    keep = RunDirectory(Path("runs") / "keep")
    keep.write_record({"status": "finished", "recipe": {"name": recipe.name}})
    for path in (keep.splits, keep.model):
        path.write_bytes(b"")
    mine = attrs.evolve(recipe, division=Division(file=earlier))
    with pytest.raises(RunDirectoryError, match=r"keep/splits\.json is needed for the run"):
        kerastl.run(mine, keep.path, overwrite=True)


def test_photos_added_later_do_not_move_into_the_splits(recipe: Recipe, tmp_path: Path):
    data = fill(tmp_path / "data", 10)
    mine = attrs.evolve(recipe, data=ImageFolder(str(data)), stages=recipe.stages[:1])
    run = kerastl.run(mine, tmp_path / "mine", exporting=False)
    photo((30, 60, 200), 99).save(data / "blue" / "added.jpg")
    again = trained.load(str(tmp_path / "mine")).evaluate()
    assert again["test"].summary() == run.scores["test"].summary()
    for path in (data / "red").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"photos of it are gone: 4, such as .*--data FOLDER"):
        trained.load(str(tmp_path / "mine")).evaluate()


def test_a_mistake_leaves_no_run_behind_and_replaces_none(recipe: Recipe, tmp_path: Path):
    RunDirectory(tmp_path / "mine").write_record({"status": "finished"})
    typo = attrs.evolve(recipe, data=ImageFolder(str(tmp_path / "typo")))
    with pytest.raises(DataError, match="There is no folder"):
        kerastl.run(typo, tmp_path / "mine", overwrite=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["run.json"]


def test_a_class_without_a_usable_photo_is_told(recipe: Recipe, tmp_path: Path):
    data = fill(tmp_path / "data", 6)
    (data / "texts").mkdir()
    for number in range(6):
        (data / "texts" / f"{number}.jpg").write_text("no photo")
    mine = attrs.evolve(recipe, data=ImageFolder(str(data)))
    with pytest.raises(DataError, match="no usable training photo of class 'texts'"):
        kerastl.run(mine, tmp_path / "mine")


def test_class_names_of_any_printable_kind(recipe: Recipe, tmp_path: Path):
    names = {"a$_^$b": (200, 0, 0), "[red]": (0, 200, 0), "夜 c": (0, 0, 200)}
    data = fill(tmp_path / "data", 6, names)
    mine = attrs.evolve(recipe, data=ImageFolder(str(data)), stages=recipe.stages[:1])
    assert set(kerastl.run(mine, tmp_path / "mine").classes) == set(names)


@pytest.mark.parametrize("batch_size", [8, 64])
def test_training_that_diverges_says_what_to_lower(recipe: Recipe, tmp_path: Path, batch_size: int):
    wild = recipe.override("stages.frozen.learning_rate", "1e38")
    # With one batch an epoch the loss is still that of before the step; the validation's is not.
    wild = attrs.evolve(wild.override("stages.frozen.schedule", "constant"), batch_size=batch_size)
    with pytest.raises(TrainingError, match=r"not a number; lower .*stages\.frozen\.learning_rate"):
        kerastl.run(wild, tmp_path / "mine")


def test_other_photos_are_matched_by_the_names_of_their_classes(
    done: kerastl.Run, photos: Path, tmp_path: Path
):
    (tmp_path / "red").symlink_to(photos / "red")
    alone = trained.load(str(done.directory.path)).evaluate(str(tmp_path))["all"]
    assert [score.images for score in alone.by_class] == [0, 0, 20]
    (tmp_path / "green").symlink_to(photos / "green")
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
    model, onnx = trained.load(str(done.directory.path)), [Form("onnx")]
    for number in (1, 2):
        (found,) = model.export(forms=onnx)
        assert found == done.directory.export / "colors-onnx" / str(number)
    assert model.export(tmp_path, onnx) == [tmp_path / "colors-onnx" / "1"]


def test_a_damaged_model_is_told(done: kerastl.Run, tmp_path: Path):
    copy = RunDirectory(tmp_path)
    copy.write_record(done.directory.read_record())
    copy.model.write_bytes(done.directory.model.read_bytes()[:5000])
    with pytest.raises(RunDirectoryError, match=r"model\.keras is damaged") as caught:
        trained.load(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_record_that_contradicts_the_model_is_told(done: kerastl.Run, tmp_path: Path):
    copy, record = RunDirectory(tmp_path), done.directory.read_record()
    copy.write_record({**record, "classes": [*record["classes"], "violet"]})
    copy.model.write_bytes(done.directory.model.read_bytes())
    with pytest.raises(RunDirectoryError, match=r"of 32 pixels and 3 classes, and it says 32 and"):
        trained.load(str(tmp_path))


class Mine:
    """A data source of somebody else's."""

    def __init__(self, splits: Splits) -> None:
        self.splits = splits

    def find(self) -> Labelled:
        return Labelled.of(self.splits.by_name(), self.splits.classes)


def test_a_data_source_of_ones_own(recipe: Recipe, photos: Path, tmp_path: Path):
    splits = recipe.data.load(0)
    short = attrs.evolve(recipe, data=Mine(splits), stages=recipe.stages[:1])
    run = kerastl.run(short, tmp_path / "mine", exporting=False)
    model = trained.load(str(run.directory.path))
    assert model.evaluate(str(photos))["all"].images == 60
    with pytest.raises(DataError, match=r"Mine .*--data FOLDER"):
        model.evaluate()


def test_a_photo_that_is_not_what_it_was_is_told(recipe: Recipe, tmp_path: Path):
    data = fill(tmp_path / "data", 8)
    mine = attrs.evolve(recipe, data=ImageFolder(str(data)), stages=recipe.stages[:1])
    run = kerastl.run(mine, tmp_path / "mine", exporting=False)
    model = trained.load(str(run.directory.path))
    name = begun.splits_of(run.directory, mine)[0].test.names[0]
    Path(name).write_bytes((data / "red" / "red_00.jpg").read_bytes() + b" ")
    with pytest.raises(DataError, match=r"photos of it were changed: 1, such as .*--data FOLDER"):
        model.evaluate()


def test_a_photo_that_was_only_learned_from_may_be_gone(recipe: Recipe, tmp_path: Path):
    data = fill(tmp_path / "data", 8)
    mine = attrs.evolve(recipe, data=ImageFolder(str(data)), stages=recipe.stages[:1])
    run = kerastl.run(mine, tmp_path / "mine", exporting=False)
    Path(begun.splits_of(run.directory, mine)[0].train.names[0]).unlink()
    again = trained.load(str(run.directory.path)).evaluate()
    assert again["test"].as_json() == run.scores["test"].as_json()
    _, changes = begun.splits_of(run.directory, mine)
    assert changes


@pytest.mark.slow
def test_what_is_trained_in_16_bits_is_served_in_32(recipe: Recipe, tmp_path: Path):
    mixed = attrs.evolve(recipe, precision="mixed", stages=recipe.stages[:1])
    run = kerastl.run(mixed, tmp_path / "mine")
    parity = json.loads((run.export / "export.json").read_text())["parity"]
    assert parity["difference"] < 1e-4


def test_no_validation_photos_are_told_before_training(recipe: Recipe, tmp_path: Path):
    splits = recipe.data.load(0)
    without = splits._replace(validation=Split([], []))
    division = Division(validation=0)
    with pytest.raises(DataError, match="no usable validation photos"):
        kerastl.run(attrs.evolve(recipe, data=Mine(without), division=division), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_the_record_of_a_failed_run_says_why(recipe: Recipe, tmp_path: Path):
    wild = recipe.override("stages.unfrozen.learning_rate", "1e38")
    with pytest.raises(TrainingError):
        kerastl.run(wild.override("stages.unfrozen.epochs", "1"), tmp_path / "mine")
    record = RunDirectory(tmp_path / "mine").read_record()
    assert record["status"] == "failed"
    assert "not a number" in record["error"]
    assert "frozen" in record["audit"]
    assert "unfrozen" not in record["audit"]
    # What was learned before is not lost.
    assert record["best_epoch"] in (1, 2)
    assert trained.load(str(tmp_path / "mine")).evaluate()
