from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import pytest
import tensorflow as tf

from kerastl.backbones import devices

A100 = {"device_name": "NVIDIA A100", "compute_capability": (8, 0)}
P100 = {"device_name": "Tesla P100", "compute_capability": (6, 0)}
UNKNOWN: dict[str, Any] = {}


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch):
    """Let TensorFlow see GPUs of these details."""

    def see(*details: dict[str, Any]) -> None:
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: details)
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda each: each)
        monkeypatch.setattr(keras, "Sequential", lambda: SimpleNamespace(jit_compile=True))

    return see


@pytest.mark.parametrize(
    ("details", "precision", "expected"),
    [
        ([A100], "auto", "NVIDIA A100, mixed_float16 (it has tensor cores), XLA"),
        ([A100], "float32", "NVIDIA A100, float32 (precision float32), XLA"),
        ([A100, A100], "auto", "2 x NVIDIA A100, mixed_float16 (it has tensor cores)"),
        ([P100], "auto", "Tesla P100, float32 (it has no tensor cores), XLA"),
        ([P100, A100], "mixed", "Tesla P100, NVIDIA A100, mixed_float16 (precision mixed)"),
        ([UNKNOWN], "auto", "GPU, float32 (it has no tensor cores), XLA"),
    ],
)
def test_gpus_are_named_with_what_they_compute_in_and_why(
    having, details: list[dict[str, Any]], precision: str, expected: str
):
    having(*details)
    assert devices.described(precision) == expected


def test_what_uses_one_gpu_names_one(having):
    having(A100, P100)
    expected = "NVIDIA A100, mixed_float16 (it has tensor cores), XLA"
    assert devices.described("auto", several=False) == expected


@pytest.mark.parametrize(
    ("available", "named"), [(1, "1 of 64 cores"), (64, "64 cores"), (48, "48 of 64 cores")]
)
def test_a_processor_is_named_with_its_cores(
    having, monkeypatch: pytest.MonkeyPatch, available: int, named: str
):
    having()
    monkeypatch.setattr(devices, "cores", lambda: available)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr(devices, "has_onednn", lambda: True)
    assert devices.hardware() == f"CPU, {named}"
    assert devices.described("auto") == f"CPU, {named}, float32 (TensorFlow sees no GPU)"
    assert devices.described("mixed") == f"CPU, {named}, mixed_bfloat16 (precision mixed)"


def test_a_processor_without_onednn_is_told(having, monkeypatch: pytest.MonkeyPatch):
    having()
    monkeypatch.setattr(devices, "has_onednn", lambda: False)
    assert "cores without oneDNN, float32" in devices.described("auto")
    having(A100)
    assert "oneDNN" not in devices.described("auto")


@pytest.mark.parametrize("count", [0, 1])
def test_there_is_no_strategy_for_a_single_device(having, count: int):
    having(*[A100] * count)
    assert devices.strategy.__wrapped__() is None


def test_several_gpus_have_the_strategy_that_mirrors(having, monkeypatch: pytest.MonkeyPatch):
    having(A100, A100)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "mirrored")
    assert devices.strategy.__wrapped__() == "mirrored"
