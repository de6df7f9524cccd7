"""Transfer learning with Keras Applications: from labelled photos to a served classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerastl.errors import KerastlError
from kerastl.recipe import Backbone, DataSource, Head, Recipe, Split, Splits, Stage
from kerastl.registry import find

if TYPE_CHECKING:
    from kerastl.flow import Run, run

__version__ = "0.1.0"
__all__ = [
    "Backbone",
    "DataSource",
    "Head",
    "KerastlError",
    "Recipe",
    "Run",
    "Split",
    "Splits",
    "Stage",
    "find",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import TensorFlow, seconds of work, only when something is to be run."""
    if name in ("Run", "run"):
        from kerastl import flow

        return getattr(flow, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
