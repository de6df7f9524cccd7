from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerastl.cache import id_of, ids_of
from kerastl.data.augmentation import policies, view_of
from kerastl.data.augmentation.operations import OPERATIONS

COUNT = 19
PHOTOS = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3)).astype(np.uint8)
IDS = ids_of(id_of(bytes([number])) for number in range(COUNT))
METHODS = (
    {"augment": "light"},
    {"augment": "randaugment"},
    {"augment": "trivialaugment"},
    {"augment": "augmix"},
    {"augment": None, "erase": 1.0},
    {"augment": "light", "erase": 0.5},
    {"augment": "augmix", "erase": 0.5},
)
GREY = {"constant_values": 128}
# What another process is given to do.
ELSEWHERE = "from test_augmentation import digest; print(digest())"


def digest() -> str:
    """Return what tells the views of all methods from others."""
    seen = (view_of(PHOTOS, IDS, 5, 2, **method) for method in METHODS)
    return hashlib.sha256(b"".join(some.tobytes() for some in seen)).hexdigest()


@pytest.mark.parametrize("method", METHODS)
def test_a_view_is_another_photo_of_the_same_range(method: dict[str, Any]):
    seen = view_of(PHOTOS, IDS, 0, 0, **method)
    assert seen.shape == PHOTOS.shape
    assert seen.dtype == np.float32
    assert (np.abs(seen - PHOTOS).mean(axis=(1, 2, 3)) > 1).all()
    assert 0 <= seen.min() <= seen.max() <= 255


@pytest.mark.parametrize("method", METHODS)
def test_a_view_is_decided_by_seed_photo_and_number_alone(method: dict[str, Any]):
    seen = view_of(PHOTOS, IDS, 1, 2, **method)
    for number in reversed(range(COUNT)):
        alone = view_of(PHOTOS[[number]], IDS[[number]], 1, 2, **method)
        np.testing.assert_array_equal(alone[0], seen[number])
    for other in (view_of(PHOTOS, IDS, 2, 2, **method), view_of(PHOTOS, IDS, 1, 3, **method)):
        assert (np.abs(other - seen).mean(axis=(1, 2, 3)) > 1).all()
    same = view_of(PHOTOS[[0, 0]], IDS[[0, 1]], 1, 2, **method)
    assert np.abs(same[0] - same[1]).mean() > 1


def test_another_process_sees_the_same_to_the_last_bit():
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest()


def test_photos_of_another_size_are_seen_in_theirs():
    for size in (32, 48):
        photos = np.zeros((2, size, size, 3), np.uint8)
        for method in METHODS:
            assert view_of(photos, IDS[:2], 0, 0, **method).shape == photos.shape


@pytest.mark.parametrize(
    ("name", "amount", "expected"),
    [
        ("identity", 0, lambda photo: photo),
        ("posterize", 3, lambda photo: photo & 0b11111000),
        ("solarize", 0.25, lambda photo: np.where(photo < 192, photo, 255 - photo)),
        ("brightness", -0.5, lambda photo: photo // 2),
        ("color", -1, lambda photo: np.asarray(Image.fromarray(photo).convert("L"))[..., None]),
        ("contrast", -1, lambda photo: np.asarray(Image.fromarray(photo).convert("L")).mean()),
        ("rotate", 90, np.rot90),
        ("translate_x", 0.25, lambda photo: np.pad(photo[:, 8:], ((0, 0), (0, 8), (0, 0)), **GREY)),
        ("translate_y", -0.25, lambda photo: np.pad(photo[:-8], ((8, 0), (0, 0), (0, 0)), **GREY)),
    ],
)
def test_an_operation_does_what_it_is_called(name: str, amount: float, expected: Any):
    for photo in PHOTOS[:3]:
        found = np.asarray(OPERATIONS[name](Image.fromarray(photo), amount))
        np.testing.assert_allclose(found, np.broadcast_to(expected(photo), found.shape), atol=2)


def test_a_shear_moves_each_line_by_a_share_of_its_distance():
    columns = np.tile(np.arange(0, 128, 4, np.uint8)[:, None], (32, 1, 3))
    expected = np.arange(0, 128, 4) + 4 * 0.5 * (np.arange(32)[:, None] + 0.5)
    across = np.asarray(OPERATIONS["shear_x"](Image.fromarray(columns), 0.5))
    down = OPERATIONS["shear_y"](Image.fromarray(columns.swapaxes(0, 1)), 0.5)
    inside = expected < 123
    np.testing.assert_allclose(
        across[inside], np.repeat(expected[inside], 3).reshape(-1, 3), atol=1
    )
    np.testing.assert_array_equal(np.asarray(down).swapaxes(0, 1), across)


def test_contrast_and_equalization_use_all_values():
    flat = Image.fromarray(PHOTOS[0] // 4 + 90)
    for name in ("autocontrast", "equalize"):
        changed = np.asarray(OPERATIONS[name](flat, 0))
        assert changed.min() == 0
        assert changed.max() > 250
    blurred, sharp = (np.asarray(OPERATIONS["sharpness"](flat, amount)) for amount in (-1, 1))
    assert blurred.std() < np.asarray(flat).std() < sharp.std()


@pytest.mark.parametrize(
    ("policy", "operations", "least", "most"),
    [
        (policies.randaugment, 14, 2, 2),
        (policies.trivialaugment, 14, 1, 1),
        (policies.augmix, 9, 3, 9),
    ],
)
def test_a_policy_draws_all_its_operations(
    policy: policies.Policy,
    operations: int,
    least: int,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
):
    drawn: list[str] = []

    def noted(name: str) -> Any:
        return lambda photo, amount: (drawn.append(name), photo)[1]

    monkeypatch.setattr(policies, "OPERATIONS", {name: noted(name) for name in OPERATIONS})
    photo, lengths = Image.fromarray(PHOTOS[0]), []
    for seed in range(100):
        before = len(drawn)
        np.testing.assert_allclose(policy(photo, np.random.default_rng(seed)), photo, atol=1e-3)
        lengths.append(len(drawn) - before)
    assert len(set(drawn)) == operations
    assert (min(lengths), max(lengths)) == (least, most)


def test_a_rectangle_is_erased_as_often_as_is_asked_for():
    photos = np.zeros((300, 40, 40, 3), np.uint8)
    ids = ids_of(id_of(str(number).encode()) for number in range(len(photos)))
    holes = view_of(photos, ids, 0, 0, None, 0.25).any(axis=3)
    some = holes[holes.any(axis=(1, 2))]
    assert len(some) / len(photos) == pytest.approx(0.25, abs=0.06)
    areas = some.mean(axis=(1, 2))
    assert 0.01 < areas.min() < 0.06
    assert 0.3 < areas.max() < 0.42
    for hole in some:
        rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
