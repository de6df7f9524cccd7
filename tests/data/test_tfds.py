from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kerastl.data import TFDS, read_photos
from kerastl.data.candy import builder as candy_builder
from kerastl.errors import DataError
from kerastl.labelled import Division


@pytest.fixture(scope="module")
def candy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with few candy photos, drawn by the data set's own builder."""
    folder = str(tmp_path_factory.mktemp("datasets"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candy_builder, "_PHOTOS", {"train": 8, "validation": 2, "test": 1})
        TFDS("candy", data_dir=folder).load(seed=0)
    return folder


def test_candy_is_drawn_on_first_use_and_kept(candy: str):
    splits = TFDS("candy", data_dir=candy).load(seed=0)
    assert splits.classes == ("kit-kat", "mars", "skittles", "smarties")
    assert [len(split) for split in splits[:3]] == [32, 8, 4]
    assert Counter(splits.train.labels) == dict.fromkeys(range(4), 8)
    photos = read_photos(splits.test, 64)
    assert photos.images.shape == (4, 64, 64, 3)
    assert photos.skipped == ()


def test_candy_is_a_data_set_like_any_other(candy: str):
    examples = list(tfds.load("candy", split="test", data_dir=candy, as_supervised=True))
    assert len(examples) == 4
    assert {tuple(image.shape) for image, _ in examples} == {(224, 224, 3)}


@pytest.mark.parametrize(
    "imports",
    [
        "import kerastl.data, tensorflow_datasets",
        pytest.param("import tensorflow_datasets, kerastl.data", marks=pytest.mark.slow),
        pytest.param(
            "import kerastl.data, importlib.util as u; u.find_spec('tensorflow_datasets');"
            "import tensorflow_datasets",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_importing_kerastl_data_makes_candy_known(imports: str):
    known = "'candy' in sys.modules['tensorflow_datasets'].list_builders()"
    code = f"{imports}; import sys; assert {known}"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_two_processes_may_draw_candy_at_once(tmp_path: Path):
    code = (
        "from kerastl.data import TFDS; from kerastl.data.candy import builder;"
        "builder._PHOTOS = dict(train=2, validation=1, test=1);"
        f"print(len(TFDS('candy', data_dir={str(tmp_path)!r}).load(seed=0).train))"
    )
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [each.communicate()[0].split()[-1:] for each in both] == [["8"], ["8"]]


def test_missing_splits_are_drawn_from_train(tmp_path: Path):
    folder = str(tmp_path / "small")
    _write_small(folder)
    splits = TFDS("small", data_dir=folder).load(1, Division(validation=0.25, test=0.25))
    assert all(set(split.labels) == {0, 1} for split in splits[:3])
    names = [name for split in splits[:3] for name in split.names]
    assert len(set(names)) == 20
    photos = read_photos(splits.test, 32)
    # The photos of class 1 are bright: each label has to have stayed with its photo.
    assert [int(image.mean() > 128) for image in photos.images] == photos.labels.tolist()


_TWO = tfds.features.ClassLabel(names=["dark", "bright"])


def _write_small(folder: str, label: Any = _TWO, split: str = "train") -> None:
    def examples():
        for number in range(20):
            random = np.random.default_rng(number)
            pixels = random.integers(0, 50, (32, 32, 3)) + 200 * (number % 2)
            yield number, {"image": pixels.astype(np.uint8), "label": number % 2}

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(32, 32, 3), encoding_format="png"),
            "label": label,
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="small",
        version="1.0.0",
        features=features,
        split_datasets={split: examples()},
        data_dir=folder,
        disable_shuffling=True,
    )


@pytest.mark.parametrize("within", [False, True])
def test_no_module_that_a_file_names_is_imported(tmp_path: Path, monkeypatch, within: bool):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "payload.py").write_text("import pathlib; pathlib.Path(__file__).unlink()")
    _write_small(str(tmp_path))
    (file,) = tmp_path.glob("small/*/features.json")
    evil = {"pythonClassName": "payload.Feature", "jsonFeature": {"json": "{}"}}
    if within:
        # As text within the text, in the manner of older files.
        inner = json.dumps({"image": {"type": "payload.Feature", "content": "{}"}})
        evil = {
            "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
            "jsonFeature": {"json": inner},
        }
    file.write_text(json.dumps(evil))
    with pytest.raises(DataError, match="is refused: it has features of 'payload'"):
        TFDS("small", data_dir=str(tmp_path)).find()
    assert (tmp_path / "payload.py").exists()


def test_what_is_imported_is_refused_in_no_thread_afterwards(tmp_path: Path):
    _write_small(str(tmp_path))
    before = vars(tfds.features.FeatureConnector)["cls_from_name"]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: TFDS("small", data_dir=str(tmp_path)).find(), range(8))
    assert [len(one.photos) for one in found] == [20] * 8
    assert vars(tfds.features.FeatureConnector)["cls_from_name"] is before


def test_features_that_are_imported_are_read(tmp_path: Path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_features.py").write_text(
        "import tensorflow_datasets as tfds\nclass Label(tfds.features.ClassLabel): pass\n"
    )
    monkeypatch.delitem(sys.modules, "own_features", raising=False)
    own = importlib.import_module("own_features")
    _write_small(str(tmp_path), own.Label(names=["dark", "bright"]))
    assert TFDS("small", data_dir=str(tmp_path)).find().classes == ("dark", "bright")


def test_a_data_set_whose_code_would_be_fetched_is_refused():
    with pytest.raises(DataError, match="'kubric:movi' is refused: its code would be fetched"):
        TFDS("kubric:movi").find()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"type": "tensorflow_datasets.a.B"}'])
def test_damaged_features_are_told(tmp_path: Path, text: str):
    _write_small(str(tmp_path))
    (file,) = tmp_path.glob("small/*/features.json")
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        TFDS("small", data_dir=str(tmp_path)).find()
    assert "\n" not in str(caught.value)


def test_an_unknown_data_set_is_told_in_one_line():
    with pytest.raises(DataError, match="knows no data set 'candys'") as caught:
        TFDS("candys").load(seed=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "split", "message"),
    [
        (tfds.features.Scalar(np.int64), "train", "expected a ClassLabel"),
        (_TWO, "other", "has no split 'train', only other"),
    ],
)
def test_a_data_set_of_another_kind_is_told(tmp_path: Path, label, split: str, message: str):
    _write_small(str(tmp_path), label, split)
    with pytest.raises(DataError, match=message):
        TFDS("small", data_dir=str(tmp_path)).load(seed=0)


def test_without_a_network_a_download_is_not_waited_for(tmp_path: Path):
    began = time.perf_counter()
    with pytest.raises(DataError, match="the network is off: use your own photos with --data"):
        TFDS("tf_flowers", data_dir=str(tmp_path)).load(seed=0)
    assert time.perf_counter() - began < 10


def test_a_data_set_of_something_else_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="'wine_quality' has no feature 'image' or 'label'"):
        TFDS("wine_quality", data_dir=str(tmp_path)).load(seed=0)
