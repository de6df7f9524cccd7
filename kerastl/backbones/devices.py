"""Which devices there are, what they compute in, and what divides a step among several."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

import keras
import tensorflow as tf

from kerastl.console import counted
from kerastl.cores import cores

# Of NVIDIA's GPUs those with tensor cores gain from 16 bits.
_TENSOR_CORES = (7, 0)


def graphics() -> list[tf.config.PhysicalDevice]:
    """Return the GPUs that TensorFlow sees; of a machine's, `CUDA_VISIBLE_DEVICES` chooses some."""
    return list(tf.config.get_visible_devices("GPU"))


@cache
def strategy() -> tf.distribute.Strategy | None:
    """Return what runs a step on several GPUs at once; None where there are no several."""
    return tf.distribute.MirroredStrategy() if len(graphics()) > 1 else None


def replicas() -> int:
    """Return among how many devices the batch of a step is divided."""
    several = strategy()
    return several.num_replicas_in_sync if several else 1


def policy_of(precision: str) -> str:
    """Return the Keras dtype policy for `"auto"`, `"float32"` or `"mixed"`."""
    if precision == "auto":
        return "mixed_float16" if _has_tensor_cores() else "float32"
    if precision == "mixed":
        return "mixed_float16" if graphics() else "mixed_bfloat16"
    return "float32"


def hardware() -> str:
    """Return what there is to compute on, such as `"CPU, 2 cores"` or `"2 x NVIDIA A100"`."""
    return _named(graphics())


def described(precision: str, several: bool = True) -> str:
    """Return what is computed on, in which precision, and why.

    Args:
        precision: As in a recipe.
        several: Whether all of several GPUs are used, or the first alone.
    """
    used = graphics() if several else graphics()[:1]
    named = _named(used) if used or has_onednn() else f"{_named(used)} without oneDNN"
    line = f"{named}, {policy_of(precision)} ({_reason(precision)})"
    # Keras compiles for a single GPU alone, and knows where it can.
    return f"{line}, XLA" if len(used) == 1 and keras.Sequential().jit_compile else line


def has_onednn() -> bool:
    """Say whether a processor computes with oneDNN, as was decided when TensorFlow was imported."""
    # No public function tells it; this is what TensorFlow's own tests ask.
    from tensorflow.python.util import _pywrap_util_port

    return bool(_pywrap_util_port.IsMklEnabled())


def _named(used: list[tf.config.PhysicalDevice]) -> str:
    details = map(tf.config.experimental.get_device_details, used)
    names = Counter(str(each.get("device_name", "GPU")) for each in details)
    named = (f"{count} x {name}" if count > 1 else name for name, count in names.items())
    return ", ".join(named) or f"CPU, {_described_cores()}"


def _reason(precision: str) -> str:
    if precision != "auto":
        return f"precision {precision}"
    if not graphics():
        return "TensorFlow sees no GPU"
    return "it has tensor cores" if _has_tensor_cores() else "it has no tensor cores"


def _has_tensor_cores() -> bool:
    details = map(tf.config.experimental.get_device_details, graphics())
    return any((each.get("compute_capability") or (0, 0)) >= _TENSOR_CORES for each in details)


def _described_cores() -> str:
    few, all_of_them = cores(), os.cpu_count()
    return f"{few} of {all_of_them} cores" if few != all_of_them else counted(few, "core")
