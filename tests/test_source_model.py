from __future__ import annotations

import json
from pathlib import Path
from typing import Never

import attrs
import h5py
import numpy as np
import pytest

import kerastl
from colors import fill
from kerastl import source_model
from kerastl.backbones.manifest import manifest_path, read_manifest
from kerastl.data import ImageFolder, Procedural
from kerastl.errors import DataError, RunDirectoryError, WeightsError
from kerastl.pretraining import Phase, Pretraining
from kerastl.recipe import Backbone, Recipe
from kerastl.record import Record
from kerastl.source_model import SourceModel, pretrain, resume_pretraining
from kerastl.training.state import State

pytestmark = pytest.mark.slow

OPTIONS = {"alpha": 0.25}


def tensors(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


@pytest.fixture(scope="module")
def pretraining(photos: Path) -> Pretraining:
    return Pretraining(
        backbone=Backbone("MobileNet", 32, options=OPTIONS, weights=None),
        data=ImageFolder(str(photos)),
        phases=(Phase("whole", 2),),
        batch_size=21,
        storage="float16",
    )


@pytest.fixture(scope="module")
def made(pretraining: Pretraining, tmp_path_factory: pytest.TempPathFactory) -> SourceModel:
    folder = tmp_path_factory.mktemp("source") / "mine"
    return pretrain(pretraining, folder, command="kerastl pretrain MobileNet")


def test_a_run_directory_holds_weights_manifest_history_and_logs(made: SourceModel):
    names = {path.name for path in made.directory.path.iterdir()}
    assert names == {
        ".lock",
        "source.weights.h5",
        "source.manifest.json",
        "run.json",
        "history.csv",
        "checkpoint.npz",
        "logs",
    }
    record = made.directory.read_record()
    assert (record["verb"], record["status"], record["epochs"]) == ("pretrain", "finished", 2)
    assert record["accuracy"] == made.manifest.accuracy
    assert json.dumps(made.as_json())


def test_the_manifest_tells_the_provenance(made: SourceModel, photos: Path):
    manifest = read_manifest(made.weights)
    assert manifest == made.manifest
    assert (manifest.backbone, manifest.options["alpha"]) == ("MobileNet", 0.25)
    assert manifest.preprocessing == "keras.applications.mobilenet.preprocess_input"
    assert (manifest.image_size, manifest.images_seen, manifest.seed) == (32, 88, 0)
    assert manifest.classes == ("blue", "green", "red")
    assert manifest.data["path"] == str(photos)
    assert manifest.command == "kerastl pretrain MobileNet"
    assert {"kerastl", "keras", "tensorflow"} <= set(manifest.versions)


def test_float16_halves_what_bears_it(made: SourceModel):
    kinds = [values.dtype for values in tensors(made.weights).values()]
    assert kinds.count(np.float16) > 0.9 * len(kinds)


def test_a_recipe_starts_from_the_file(made: SourceModel, recipe: Recipe, tmp_path: Path):
    mine = attrs.evolve(recipe.backbone, weights=str(made.weights))
    run = kerastl.run(attrs.evolve(recipe, backbone=mine), tmp_path / "run", exporting=False)
    assert run.weights == str(made.weights)


def test_a_backbone_that_it_is_not_for_is_refused(made: SourceModel, recipe: Recipe):
    other = Backbone("MobileNet", 32, options={"alpha": 0.5}, weights=str(made.weights))
    with pytest.raises(WeightsError, match=r"is for MobileNet\(alpha=0\.25.*, not for MobileNet"):
        attrs.evolve(recipe, backbone=other).build(classes=3)


def test_a_stop_before_the_first_epoch_promises_nothing(
    pretraining: Pretraining,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def stopped(*_: object) -> Never:
        raise KeyboardInterrupt

    monkeypatch.setattr("kerastl.source_model.train_source", stopped)
    with pytest.raises(KeyboardInterrupt):
        pretrain(pretraining, tmp_path / "mine")
    said = capsys.readouterr().out
    assert f"No epoch was finished in {tmp_path / 'mine'}. Begin again with: kerastl" in said


def test_an_interrupted_pretraining_ends_with_the_same_weights(
    pretraining: Pretraining, made: SourceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object) -> Never:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(source_model, "write_weights", stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain(pretraining, tmp_path / "mine")
    assert not (tmp_path / "mine" / "source.weights.h5").exists()
    again = resume_pretraining(str(tmp_path / "mine"))
    assert again.manifest.accuracy == made.manifest.accuracy
    mine, theirs = (tensors(each.weights) for each in (again, made))
    assert mine.keys() == theirs.keys()
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs[name])
    with pytest.raises(RunDirectoryError, match="is finished"):
        resume_pretraining(str(tmp_path / "mine"))


def test_other_images_are_not_gone_on_with(
    pretraining: Pretraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object) -> Never:
        raise KeyboardInterrupt

    changing = attrs.evolve(pretraining, data=ImageFolder(str(fill(tmp_path / "photos", 8))))
    with monkeypatch.context() as patched:
        patched.setattr(source_model, "train_source", stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain(changing, tmp_path / "mine")
    # As many as before, but not the same.
    photo = tmp_path / "photos" / "red" / "red_00.jpg"
    photo.rename(photo.with_name("red_99.jpg"))
    with pytest.raises(DataError, match="no longer gives the images that the run was given"):
        resume_pretraining(str(tmp_path / "mine"))


def test_drawn_images_are_learned_from_and_a_broken_off_training_ends_the_same(
    pretraining: Pretraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {"_POOL": 32, "_HELD_OUT": 16, "_EPOCH_ROUNDS": 3}.items():
        monkeypatch.setattr(f"kerastl.data.procedural.source.{name}", value)
    drawn = attrs.evolve(pretraining, data=Procedural(), phases=(Phase("whole", 3),))
    whole = pretrain(drawn, tmp_path / "whole")
    assert whole.manifest.images_seen == 3 * 96
    assert len(whole.manifest.classes) >= 200

    def stop(record: Record, state: State) -> None:
        kept(record, state)
        if state.epoch == 2:
            raise KeyboardInterrupt

    kept = Record.save_state
    with monkeypatch.context() as patched:
        patched.setattr("kerastl.training.callbacks._SECONDS_BETWEEN_SAVES", -1.0)
        patched.setattr("kerastl.training.callbacks._PAUSES_A_SAVE", -1.0)
        patched.setattr(Record, "save_state", stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain(drawn, tmp_path / "mine")
    again = resume_pretraining(str(tmp_path / "mine"))
    mine, theirs = (tensors(each.weights) for each in (again, whole))
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs[name])


def test_a_pretraining_is_no_run_of_a_recipe(made: SourceModel):
    path = made.directory.path
    with pytest.raises(RunDirectoryError, match=r"is of `kerastl pretrain`, not of `kerastl run`"):
        kerastl.flow.resume(str(path))
    assert manifest_path(made.weights).is_file()
