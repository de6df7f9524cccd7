from __future__ import annotations

import numpy as np

from kerastl.cache import id_of, ids_of
from kerastl.data.augmentation import view_of

PHOTOS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
IDS = ids_of(id_of(bytes([number])) for number in range(3))


def test_a_view_is_another_photo_of_the_same_range():
    seen = view_of(PHOTOS, IDS, seed=0, number=0)
    assert seen.shape == PHOTOS.shape
    assert seen.dtype == np.float32
    assert np.abs(seen - PHOTOS).mean() > 1
    assert 0 <= seen.min() <= seen.max() <= 255


def test_a_view_is_decided_by_seed_photo_and_number_alone():
    seen = view_of(PHOTOS, IDS, seed=1, number=2)
    np.testing.assert_array_equal(view_of(PHOTOS[1:], IDS[1:], 1, 2), seen[1:])
    for other in (view_of(PHOTOS, IDS, 2, 2), view_of(PHOTOS, IDS, 1, 3)):
        assert (np.abs(other - seen).mean(axis=(1, 2, 3)) > 1).all()
    same = view_of(PHOTOS[[0, 0]], IDS[[0, 1]], 1, 2)
    assert np.abs(same[0] - same[1]).mean() > 1
