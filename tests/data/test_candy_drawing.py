"""The candy photos: real JPEGs, the same everywhere, of every kind, and not told by mean colour."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from kerastl.data.candy import KINDS, SIZE, draw

DIGESTS = """
import hashlib, sys
from kerastl.data.candy import draw
for label, seed in ((3, 7), (0, 7), (2, 1), (1, 5)):
    print(label, seed, hashlib.sha256(draw(label, seed)).hexdigest())
"""

CHEAP = """
import sys
import kerastl.data.candy
print(sorted({"kerastl.data.candy.scene", "tensorflow"} & set(sys.modules)))
"""


photo = lru_cache(draw)  # for tests that only look


def _in_another_process(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _mean_colour(file: bytes) -> npt.NDArray[np.float64]:
    pixels = np.asarray(Image.open(io.BytesIO(file)))
    means: npt.NDArray[np.float64] = pixels.mean(axis=(0, 1))
    return means


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", range(len(KINDS)))
def test_many_seeds_draw_without_a_warning(label: int) -> None:
    for seed in range(16):
        assert photo(label, seed).startswith(b"\xff\xd8")


@pytest.mark.parametrize("label", range(len(KINDS)))
def test_a_photo_is_a_colour_jpeg_of_the_stated_size(label: int) -> None:
    image = Image.open(io.BytesIO(photo(label, 0)))

    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert (image.height, image.width) == SIZE


def test_another_process_draws_the_same_bytes() -> None:
    for line in _in_another_process(DIGESTS).splitlines():
        label, seed, digest = line.split()
        assert hashlib.sha256(draw(int(label), int(seed))).hexdigest() == digest


def test_what_was_drawn_before_does_not_matter() -> None:
    first = draw(2, 11)
    draw(3, 12)

    assert draw(2, 11) == first


def test_seeds_and_labels_give_different_photos() -> None:
    photos = {photo(label, seed) for label in range(len(KINDS)) for seed in range(5)}

    assert len(photos) == 5 * len(KINDS)


def test_mean_colour_does_not_tell_the_kinds_apart() -> None:
    """Among so few photos the nearest mean of a kind is right by chance in 0.25 of the cases."""
    colours = np.array(
        [[_mean_colour(photo(label, seed)) for seed in range(16)] for label in range(len(KINDS))]
    )
    centres = colours[:, :8].mean(axis=1)
    distances = np.linalg.norm(colours[:, 8:, None] - centres, axis=-1)
    right = distances.argmin(axis=-1) == np.arange(len(KINDS))[:, None]

    assert right.mean() < 0.6


def test_a_photo_holds_more_than_a_flat_patch() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(photo(0, 3))).convert("L"), np.float64)

    assert pixels.std() > 10


@pytest.mark.parametrize("label", [-1, len(KINDS)])
def test_an_unknown_label_is_refused(label: int) -> None:
    with pytest.raises(IndexError, match="expected a label from 0 to 3"):
        draw(label, 0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        draw(0, -1)


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert _in_another_process(CHEAP).strip() == "[]"
