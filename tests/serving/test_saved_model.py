from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerastl import trained

WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"

# What a stranger's program does: TensorFlow alone, in another process.
STRANGER = """
import json, pathlib, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
photos = tf.constant([pathlib.Path(path).read_bytes() for path in sys.argv[2:]])
answer = loaded.signatures["serving_default"](photos=photos)
assert not any(name.partition(".")[0] == "kerastl" for name in sys.modules)
print(json.dumps({
    "labels": [label.decode() for label in answer["label"].numpy().tolist()],
    "probability": answer["probability"].numpy().tolist(),
    "probabilities": answer["probabilities"].numpy().tolist(),
    "image": [spec.shape.as_list() for spec in
              loaded.signatures["image"].structured_input_signature[1].values()],
}))
"""


def ask_stranger(saved_model: Path, photos: list[Path]) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(saved_model), *map(str, photos)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def some(photos: Path) -> list[Path]:
    return sorted(photos.glob("*/*_0[0-3].jpg"))


def test_a_fresh_process_without_kerastl_gets_the_same_answers(finished, some: list[Path]):
    directory, _ = finished
    answer = ask_stranger(directory / "export" / "1", some)
    model = trained.load(str(directory))
    predictions, skipped = model.predict([str(path) for path in some], top=3)
    assert not skipped
    assert answer["labels"] == [prediction.top[0][0] for prediction in predictions]
    for row, probability, prediction in zip(
        answer["probabilities"], answer["probability"], predictions, strict=True
    ):
        ours = dict(prediction.top)
        expected = [ours[name] for name in model.classes]
        np.testing.assert_allclose(row, expected, atol=1e-4)
        assert probability == pytest.approx(max(expected), abs=1e-4)
        assert sum(row) == pytest.approx(1.0, abs=1e-5)
    assert answer["image"] == [[None, 32, 32, 3]]


def test_real_photos_and_weights_get_the_same_answers(test_data: Path, program, tmp_path: Path):
    weights = test_data / "weights" / WEIGHTS
    short = ["--unfreeze-after", "1", "--set", "stages.unfrozen.epochs=1", "--output", "mine"]
    data = test_data / "candy_photos"
    program("run", "candy", "--data", data, "--weights", weights, *short, cwd=tmp_path, check=True)
    photos = sorted((data / "test").glob("*/*"))[:20]
    answer = ask_stranger(tmp_path / "mine" / "export" / "1", photos)
    done = program("predict", "mine", *photos, "--json", cwd=tmp_path, check=True)
    ours = json.loads(done.stdout.splitlines()[-1])["predictions"]
    assert answer["labels"] == [one["label"] for one in ours]
    assert len(set(answer["labels"])) > 1
    expected = [one["probability"] for one in ours]
    np.testing.assert_allclose(answer["probability"], expected, atol=1e-4)


def test_the_class_names_are_an_asset(finished):
    directory, _ = finished
    asset = directory / "export" / "1" / "assets" / "classes.txt"
    assert asset.read_text().split() == ["blue", "green", "red"]


def test_it_does_not_depend_on_where_it_lies(finished, some: list[Path], tmp_path: Path):
    directory, _ = finished
    moved = tmp_path / "moved"
    (directory / "export" / "1").rename(moved)
    try:
        assert ask_stranger(moved, some[:1])["labels"]
    finally:
        moved.rename(directory / "export" / "1")
