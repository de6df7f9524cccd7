from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerastl.serving import served
from kerastl.serving.about import About
from small import CLASSES, small


def test_many_weights_answer_as_few_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    model = small(About("sweets", CLASSES, 32))
    few = served.open_served(model.served, tmp_path)
    monkeypatch.setattr(served, "_MOST_CONSTANTS", 0)
    many = served.open_served(model.served, tmp_path)
    for count in (1, 8):
        photos = model.photos[:count]
        for one, other in (
            (few.probabilities, many.probabilities),
            (few.embed, many.embed),
            (few.explain, many.explain),
        ):
            np.testing.assert_allclose(one(photos), other(photos), atol=1e-4)
