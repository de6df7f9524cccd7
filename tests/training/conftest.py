"""What the tests of training share."""

from __future__ import annotations

import pytest

from kerastl.data.photos import read_photos
from kerastl.recipe import Recipe
from networks import Learning


@pytest.fixture(scope="module")
def learning(recipe: Recipe) -> Learning:
    """The photos that the small recipe learns from and validates on."""
    splits = recipe.data.load(recipe.seed)
    return read_photos(splits.train, 32), read_photos(splits.validation, 32)
