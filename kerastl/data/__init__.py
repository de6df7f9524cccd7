"""Photo files -> pixels and labels: sources, splits, the reader."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kerastl.data.dataset import TFData
from kerastl.data.folder import ImageFolder
from kerastl.data.listed import ImageFiles
from kerastl.data.manifest import Manifest, is_manifest
from kerastl.data.procedural.source import Procedural
from kerastl.data.tfds import TFDS

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from kerastl.data.photos import Photos, read_photos
    from kerastl.data.pipeline import batches

__all__ = [
    "TFDS",
    "ImageFiles",
    "ImageFolder",
    "Manifest",
    "Photos",
    "Procedural",
    "TFData",
    "batches",
    "read_photos",
    "source_of",
]

_LIBRARY = "tensorflow_datasets"
_TFDS = "tfds:"


def source_of(text: str) -> ImageFolder | Manifest | TFDS:
    """Return the data source that `--data` means: `tfds:NAME`, a manifest's file, or a folder."""
    if text.startswith(_TFDS):
        return TFDS(text.removeprefix(_TFDS))
    return Manifest(text) if is_manifest(text) else ImageFolder(text)


def __getattr__(name: str) -> Any:
    """Import what needs TensorFlow when it is first asked for."""
    for module in ("photos", "pipeline"):
        if name in __all__ and hasattr(found := import_module(f"kerastl.data.{module}"), name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _register_candy() -> None:
    """Let TensorFlow Datasets know of the drawn candy, for which it must have been imported."""
    import_module("kerastl.data.candy.builder")


class _WhenImported:
    """Registers the candy right after somebody imports TensorFlow Datasets, which takes seconds."""

    searching = False

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != _LIBRARY or self.searching:
            return None
        # Somebody may merely look whether it is there, and import it later.
        self.searching = True
        try:
            spec = find_spec(name)
        finally:
            self.searching = False
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_then_register(module: ModuleType) -> None:
                execute(module)
                _register_candy()

            spec.loader.exec_module = execute_then_register  # type: ignore[method-assign]
        return spec


if _LIBRARY in sys.modules:
    _register_candy()
else:
    sys.meta_path.insert(0, _WhenImported())
