"""What a model says of itself wherever it is taken: it travels inside of every export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

from kerastl.errors import ExportError, one_line
from kerastl.recipe import SQUASH
from kerastl.settings import parse_json
from kerastl.validators import as_tuple

# What an export holds of it: all as JSON, and the names of the classes, one a line.
ABOUT, CLASSES = "about.json", "classes.txt"

SAVED_MODEL, KERAS, LITERT, ONNX = FORMATS = ("saved_model", "keras", "litert", "onnx")
# What makes the weights of LiteRT smaller.
FLOAT16, DYNAMIC, INT8 = QUANTIZATIONS = ("float16", "dynamic", "int8")
MAX_LOSS = 0.01

# The label of a photo whose most probable class is not probable enough.
UNSURE = "unsure"

# The error of a file that a model is given instead of a photo.
NO_PHOTO = "not a JPEG, PNG, GIF, BMP or WebP that can be decoded"

# So many labels, or all where there are fewer, are told with their probabilities.
MOST_LABELS = 5


@attrs.frozen
class About:
    """What a person or program needs to know to use a model.

    Args:
        name: What it tells apart: the recipe's name.
        classes: Their names, in the order of the probabilities.
        image_size: Height and width in pixels of the photos it takes.
        resize: How photos become squares, as in a recipe.
        multi_label: Whether a photo has any number of labels.
        threshold: A photo whose most probable class is less probable is `unsure`; None for never.
        scores: Of each split: accuracy and other figures.
        licence: What is known of the terms of its weights.
        version: That of the kerastl that made it.
    """

    name: str
    classes: tuple[str, ...] = attrs.field(converter=as_tuple)
    image_size: int
    resize: str = SQUASH
    multi_label: bool = False
    threshold: float | None = None
    scores: Mapping[str, Mapping[str, float]] = attrs.field(factory=dict)
    licence: str = ""
    version: str = attrs.field(factory=lambda: version("kerastl"))

    @property
    def most_labels(self) -> int:
        """How many labels are told with their probabilities."""
        return min(MOST_LABELS, len(self.classes))

    @property
    def names(self) -> str:
        """The names of the classes, one a line."""
        # A folder's name may hold what ends a line.
        return "".join(f"{' '.join(name.splitlines())}\n" for name in self.classes)

    @property
    def wrong(self) -> list[str]:
        """The names of its values that cannot be so."""
        return [name for name, fits in _KINDS.items() if not fits(getattr(self, name))]

    def require_shapes(
        self, photos: Sequence[Any], probabilities: Sequence[Any], source: object
    ) -> None:
        """Make sure that a model takes the photos, and knows the classes, that are named here.

        Args:
            photos: The shape of what it takes, the batch first.
            probabilities: That of what it gives.
            source: Where it stands, for the error.

        Raises:
            ExportError: It does not.
        """
        size, classes = self.image_size, len(self.classes)
        for found, expected in ((photos, (size, size, 3)), (probabilities, (classes,))):
            if tuple(found[1:]) != expected:
                raise ExportError(
                    f"{source} is damaged: its model has {tuple(found[1:])} where {expected} is "
                    "expected."
                )

    def as_text(self) -> str:
        """Return it as JSON."""
        return json.dumps(attrs.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> About:
        """Return what stands in a file.

        Raises:
            ExportError: There is no such file, or it is damaged.
        """
        try:
            return cls.from_text(path.read_text(encoding="utf-8"), path)
        except FileNotFoundError:
            raise ExportError(
                f"{path.parent} is no export of kerastl: it has no {path.name}."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ExportError(f"{path} is damaged: {one_line(error)}.") from error

    @classmethod
    def from_text(cls, text: str, source: object) -> About:
        """Return what `as_text` has made a text of.

        Args:
            text: The JSON.
            source: Where it stands, for the error.

        Raises:
            ExportError: It is none.
        """
        try:
            values = parse_json(text)
            about = cls(**{name: values[name] for name in attrs.fields_dict(cls)})
        except (ValueError, TypeError, KeyError) as error:
            raise ExportError(f"{source} is damaged: it does not say what it is.") from error
        if about.wrong:
            raise ExportError(f"{source} is damaged: its {about.wrong[0]} cannot be so.")
        return about


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KINDS = {
    "name": _is_text,
    "classes": lambda value: len(value) > 1 and all(map(_is_text, value)),
    "image_size": lambda value: type(value) is int and value > 0,
    "resize": lambda value: value in (SQUASH, "crop", "pad"),
    "multi_label": lambda value: type(value) is bool,
    "threshold": lambda value: value is None or isinstance(value, float),
    "scores": lambda value: isinstance(value, dict),
    "licence": _is_text,
    "version": _is_text,
}
