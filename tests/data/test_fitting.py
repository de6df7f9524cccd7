from __future__ import annotations

import hypothesis
import numpy as np
import tensorflow as tf
from hypothesis import strategies

from kerastl.data.fitting import filtered


@hypothesis.given(
    strategies.tuples(strategies.integers(1, 400), strategies.integers(1, 400)),
    strategies.tuples(strategies.integers(1, 200), strategies.integers(1, 200)),
    strategies.integers(0, 99),
)
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_rows_and_columns_are_scaled_as_by_tensorflow(
    size: tuple[int, int], shape: tuple[int, int], seed: int
):
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    theirs = tf.image.resize(image, shape, antialias=True)
    mine = filtered(tf.constant(image), tf.constant(shape))
    np.testing.assert_array_equal(mine, theirs)
