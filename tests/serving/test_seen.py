from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kerastl.errors import ExportError
from kerastl.serving.seen import Seen, seen_by
from kerastl.serving.served import Answering, heat_map
from small import Small


@pytest.fixture
def seen(model: Small) -> Seen:
    return seen_by(model.served, model.photos[:8], ("x.jpg",) * 8, model.expected[:8])


@pytest.fixture
def told(model: Small) -> dict[str, Any]:
    outputs = Answering(model.served, tf.constant)(tf.cast(model.photos[:8], tf.float32))
    return {"embeddings": outputs.embedding.numpy(), "heat_maps": heat_map(outputs).numpy()}


def test_what_an_export_sees_is_what_the_model_sees(seen: Seen, told: dict[str, Any]):
    assert seen.heat_maps is not None
    assert np.isfinite(seen.heat_maps).any(axis=(1, 2)).sum() > 4
    seen.require_same(told, "saved_model")


FAULTS = {
    "of another photo": lambda values: values[::-1],
    "twice as large": lambda values: values * 2,
    "no numbers": lambda values: values * np.nan,
    "of another size": lambda values: values[:, :1],
}


# The maps of the other model have one place, which is always 1.
@pytest.mark.parametrize("variant", ["all"])
@pytest.mark.parametrize("name", ["embeddings", "heat_maps"])
def test_anything_else_is_told(seen: Seen, told: dict[str, Any], name: str):
    for fault in FAULTS.values():
        with pytest.raises(ExportError, match=f"{name.replace('_', ' ')} of 8 photos differ"):
            seen.require_same({**told, name: fault(told[name])}, "saved_model")


@pytest.mark.parametrize("variant", ["all"])
def test_maps_that_are_missing_are_told(seen: Seen, told: dict[str, Any]):
    with pytest.raises(ExportError, match="has none where it has"):
        seen.require_same({"embeddings": told["embeddings"]}, "saved_model")
