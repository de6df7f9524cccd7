from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kerastl.data import TFData, read_photos
from kerastl.errors import DataError, UsageError
from kerastl.labelled import Division

CLASSES = ("dark", "bright")


def photos(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 2
    noise = np.random.default_rng(0).integers(0, 50, (count, 24, 32, 3))
    return (noise + 200 * labels[:, None, None, None]).astype(np.uint8), labels


def data(count: int = 20) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(photos(count))


def fits(source: TFData) -> None:
    """Check that each label has stayed with its photo, in whatever split they are."""
    splits = source.load(1, Division(validation=0.25, test=0.25))
    assert sum(map(len, splits[:3])) == 20
    for split in splits[:3]:
        assert set(split.labels) == {0, 1}
        read = read_photos(split, 16)
        assert [int(image.mean() > 128) for image in read.images] == read.labels.tolist()


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: data,
        lambda data: data.batch(6),
        lambda data: data.map(lambda image, label: (tf.io.encode_jpeg(image), label)),
        *(
            pytest.param(changed, marks=pytest.mark.slow)
            for changed in (
                lambda data: data.map(lambda image, label: (tf.cast(image, tf.float32), label)),
                lambda data: data.map(lambda image, label: (image[..., :1], label)),
                lambda data: data.shuffle(20, seed=1, reshuffle_each_iteration=False),
            )
        ),
    ],
    ids=["pixels", "batches", "files", "floats", "grey", "in one order"],
)
def test_photos_of_ones_own_in_any_form(changed):
    fits(TFData(changed(data()), CLASSES))


def test_pixels_are_not_changed():
    images, _ = photos()
    split = TFData(data(), CLASSES).find().photos
    files = split.encoded([3, 17]).as_numpy_iterator()
    for file, number in zip(files, (3, 17), strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(file), images[number])


def test_splits_that_are_given_stay():
    found = TFData(data(), CLASSES, test=data(8)).load(0)
    assert [name.split("/")[0] for name in found.test.names] == ["test"] * 8
    assert {name.split("/")[0] for name in found.validation.names} == {"train"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda data: data.shuffle(20), "come in another order each time"),
        (lambda data: data.map(lambda image, _: image), "must hold pairs of a photo and a label"),
        (
            lambda data: data.map(lambda image, label: (image, tf.one_hot(label, 2))).batch(2),
            "labels for train must be numbers of classes, not float32",
        ),
        (
            lambda data: data.map(lambda image, label: (image[..., 0], label)),
            r"must be bytes of files or pixels \[height, width, channels\], not uint8 of shape",
        ),
        (
            lambda data: data.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label)),
            "must be of 0 to 255, not of 0 to 0.9",
        ),
    ],
)
def test_data_that_are_not_as_expected(changed, message: str):
    with pytest.raises(DataError, match=message) as caught:
        TFData(changed(data()), CLASSES).find()
    assert "\n" not in str(caught.value)


def test_labels_that_begin_with_1_and_files_that_are_told_one_hot():
    counted = data().map(lambda image, label: (image, label + 1))
    with pytest.raises(DataError, match="labels for train must be 0 to 1, the numbers of the cla"):
        TFData(counted, CLASSES).find()
    files = data().map(lambda image, label: (tf.io.encode_png(image), tf.one_hot(label, 2)))
    with pytest.raises(DataError, match="labels for train must be numbers of classes"):
        TFData(files, CLASSES).find()


def test_paths_are_no_files(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    paths = tf.data.Dataset.from_tensor_slices(([str(tmp_path / "a.jpg")], [0]))
    with pytest.raises(DataError, match="are paths; expected the bytes of the files"):
        TFData(paths, CLASSES).find()


def test_what_is_no_dataset():
    with pytest.raises(UsageError, match=r"TFData\.train must be a tf\.data\.Dataset"):
        TFData([1, 2], CLASSES)
