"""Transfer learning with Keras Applications: from labelled photos to a served classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerastl.cores import use_processor
from kerastl.errors import KerastlError
from kerastl.labelled import DataSource, Division, Labelled, Split, Splits
from kerastl.pretraining import Phase, Pretraining
from kerastl.recipe import Backbone, Head, Recipe, Stage
from kerastl.registry import find

if TYPE_CHECKING:
    from kerastl.flow import Run, resume, run
    from kerastl.seeds import SeedRuns, run_seeds
    from kerastl.source_model import SourceModel, pretrain

__version__ = "0.1.0"

# What is imported first may be TensorFlow or kerastl; after TensorFlow it would be too late.
use_processor()

__all__ = [
    "Backbone",
    "DataSource",
    "Division",
    "Head",
    "KerastlError",
    "Labelled",
    "Phase",
    "Pretraining",
    "Recipe",
    "Run",
    "SeedRuns",
    "SourceModel",
    "Split",
    "Splits",
    "Stage",
    "find",
    "pretrain",
    "resume",
    "run",
    "run_seeds",
]


def __getattr__(name: str) -> Any:
    """Import TensorFlow, seconds of work, only when something is to be run."""
    if name in ("Run", "resume", "run"):
        from kerastl import flow

        return getattr(flow, name)
    if name in ("SeedRuns", "run_seeds"):
        from kerastl import seeds

        return getattr(seeds, name)
    if name in ("SourceModel", "pretrain"):
        from kerastl import source_model

        return getattr(source_model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
