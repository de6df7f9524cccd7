from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from kerastl.data import ImageFolder
from kerastl.data.stream import stream_batches, stream_of
from kerastl.pretraining import Images, Stream

Batch = tuple[np.ndarray, np.ndarray]


def taken(stream: Stream, count: int, first: int = 0, size: int = 24) -> list[Batch]:
    with stream_batches(stream, size, batch_size=4, first=first) as batches:
        return list(islice(batches.as_numpy_iterator(), count))


@pytest.fixture
def stream() -> Stream:
    """Ten images, each of the grey of its number; each round has a pool of its own."""

    @contextmanager
    def pools(first: int):
        yield pools_from(first)

    def pools_from(first: int):
        for number in range(first, 100):
            images = np.full((10, 32, 32, 3), 10 * np.arange(10)[:, None, None, None], np.uint8)
            yield images, (np.arange(10) + number) % 10

    held_out: Images = np.zeros((1, 32, 32, 3), np.uint8), np.zeros(1, np.int64)
    return Stream(tuple("abcdefghij"), 10, 1, pools, held_out, "ten greys", seed=1)


def test_a_round_sees_every_image_once_and_each_round_its_own_pool(stream: Stream):
    batches = taken(stream, 6)
    assert [len(images) for images, _ in batches] == [4, 3, 3] * 2
    rounds = [np.concatenate([labels for _, labels in batches[at : at + 3]]) for at in (0, 3)]
    for labels in rounds:
        assert sorted(labels.argmax(axis=1)) == list(range(10))
    assert not np.array_equal(*rounds)


def test_images_keep_their_labels_and_range(stream: Stream):
    # A round's labels are its images' numbers and the round's.
    for number, (images, labels) in enumerate(taken(stream, 6)):
        assert images.dtype == np.float32
        assert images.shape[1:] == (24, 24, 3)
        assert 0 <= images.min() <= images.max() <= 255
        grey = (labels.argmax(axis=1) - number // 3) % 10
        # Light is a gain of 0.75 to 1.25 and a lift of up to 20.
        centres = images[:, 12, 12, 0]
        assert (centres >= 0.75 * 10 * grey - 20.5).all()
        assert (centres <= 1.25 * 10 * grey + 20.5).all()


def test_what_comes_at_a_place_does_not_depend_on_where_one_began(stream: Stream):
    whole = taken(stream, 8)
    for first in (1, 3, 5):
        for mine, theirs in zip(taken(stream, 3, first), whole[first:], strict=False):
            np.testing.assert_array_equal(mine[0], theirs[0])
            np.testing.assert_array_equal(mine[1], theirs[1])


def test_each_time_an_image_is_seen_another_way(photos: Path):
    stream = stream_of(ImageFolder(str(photos)), 0, 40)
    assert stream.classes == ("blue", "green", "red")
    assert stream.pool_size == stream.epoch_size == 44
    assert len(stream.held_out[1]) == 16
    rounds = taken(stream, 22, size=32)
    # Eleven batches a round.
    brightness = [
        np.sort(np.concatenate([images.mean(axis=(1, 2, 3)) for images, _ in some]))
        for some in (rounds[:11], rounds[11:])
    ]
    assert not np.allclose(*brightness)
