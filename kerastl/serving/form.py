"""What an export is written as: a format, and what makes its weights smaller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np

from kerastl.errors import UsageError
from kerastl.serving import keras_file, litert, onnx_file, saved_model
from kerastl.serving.about import INT8, KERAS, LITERT, MAX_LOSS, ONNX, SAVED_MODEL
from kerastl.serving.foreign import needed
from kerastl.serving.opened import Pixels
from kerastl.serving.served import Served

_WRITERS = {SAVED_MODEL: saved_model.write, KERAS: keras_file.write, ONNX: onnx_file.write}
# What comes with the extra of the format's name.
_MODULES = {LITERT: ("ai_edge_litert.interpreter",), ONNX: ("tf2onnx", "onnxruntime")}
_NONE = np.zeros((0, 0, 0, 3), np.uint8)


@attrs.frozen
class Form:
    """What an export is written as.

    Args:
        format: `"saved_model"`, `"keras"`, `"litert"` or `"onnx"`.
        quantization: What makes its weights smaller: `"float16"`, `"dynamic"` or `"int8"`; None for
            the weights as they are. Of LiteRT alone.
        max_loss: By how much a quantised export may be less accurate, 0..1.
    """

    format: str = SAVED_MODEL
    quantization: str | None = None
    max_loss: float = MAX_LOSS

    def __attrs_post_init__(self) -> None:
        """Refuse what no format has."""
        if self.quantization and self.format != LITERT:
            raise UsageError(f"--quantize is of litert, not of {self.format}.")

    def __str__(self) -> str:
        """Return what a person reads."""
        return " ".join(filter(None, (self.format, self.quantization)))

    def folder_name(self, name: str) -> str:
        """Return the name of the folder of exports of this form."""
        parts = [name, "" if self.format == SAVED_MODEL else self.format, self.quantization]
        return "-".join(part for part in parts if part)

    def require_extras(self) -> None:
        """Make sure, before long work, that what a format needs is installed.

        Raises:
            ExportError: It is not.
        """
        for module in _MODULES.get(self.format, ()):
            needed(module, self.format, self.format)

    def write(self, model: Served, folder: Path, examples: Callable[[], Pixels]) -> None:
        """Write the model to a folder that does not exist yet."""
        if self.format == LITERT:
            photos = examples() if self.quantization == INT8 else _NONE
            litert.write(model, folder, self.quantization, photos)
        else:
            _WRITERS[self.format](model, folder)
