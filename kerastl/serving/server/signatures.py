"""What can be asked by name, in and out as the SavedModel has it, whatever the model's own form."""

from __future__ import annotations

from typing import Any

import attrs

from kerastl.serving.about import About
from kerastl.serving.opened import Answer, answer_of
from kerastl.serving.server.model import EMBEDDING, HEAT_MAP, PROBABILITIES, Model, Seen

STRING, FLOAT, UINT8 = "DT_STRING", "DT_FLOAT", "DT_UINT8"
DEFAULT = "serving_default"

# Values by the names of outputs, each a list with one for each photo.
Named = dict[str, list[Any]]
Shape = tuple[int, ...]

_NOTHING = Answer("", 0.0, ())


@attrs.frozen
class Signature:
    """One of the questions that a model answers.

    Args:
        takes: The type of its input: `STRING` for files, `FLOAT` or `UINT8` for pixels.
        outputs: What is asked of the model.
    """

    takes: str
    outputs: tuple[str, ...] = (PROBABILITIES,)

    @property
    def input(self) -> str:
        """The name of its input."""
        return "photos" if self.takes == STRING else "images"


_SIGNATURES = {
    DEFAULT: Signature(STRING),
    "image": Signature(FLOAT),
    "image_uint8": Signature(UINT8),
    "embed": Signature(STRING, (EMBEDDING,)),
    "explain": Signature(STRING, (HEAT_MAP, PROBABILITIES)),
}


def signatures_of(model: Model) -> dict[str, Signature]:
    """Return the signatures that a model has by their names."""
    there = model.outputs.keys()
    return {name: one for name, one in _SIGNATURES.items() if there >= {*one.outputs}}


def named(signature: Signature, seen: Seen, about: About) -> Named:
    """Return the outputs of a signature for what a model has made of photos."""
    outputs: Named = {}
    for name, rows in seen.rows.items():
        outputs |= _answers(seen, about) if name == PROBABILITIES else {name: rows.tolist()}
    return outputs | ({"error": seen.reasons} if signature.takes == STRING else {})


def _answers(seen: Seen, about: About) -> Named:
    rows = seen.rows[PROBABILITIES]
    told = [
        _NOTHING if reason else answer_of(row, about, about.most_labels)
        for reason, row in zip(seen.reasons, rows, strict=True)
    ]
    # What is no photo has as many labels as a photo, and all of them are empty.
    tops = [answer.top or (("", 0.0),) * about.most_labels for answer in told]
    return {
        "label": [answer.label for answer in told],
        "probability": [answer.probability for answer in told],
        "top_labels": [[label for label, _ in top] for top in tops],
        "top_probabilities": [[probability for _, probability in top] for top in tops],
        "probabilities": rows.tolist(),
    }


def shapes_of(signature: Signature, model: Model) -> tuple[dict[str, tuple[str, Shape]], ...]:
    """Return the types and shapes of a signature's input and outputs; -1 is any number of photos.

    The model has to be warm.
    """
    about = model.opened.about
    pixels = (about.image_size, about.image_size, 3)
    into = {signature.input: (signature.takes, () if signature.takes == STRING else pixels)}
    out: dict[str, tuple[str, Shape]] = {}
    for name in signature.outputs:
        out[name] = (FLOAT, model.shapes[name])
        if name == PROBABILITIES:
            most = (about.most_labels,)
            out |= {"label": (STRING, ()), "probability": (FLOAT, ())}
            out |= {"top_labels": (STRING, most), "top_probabilities": (FLOAT, most)}
    if signature.takes == STRING:
        out["error"] = (STRING, ())
    return tuple(
        {name: (kind, (-1, *shape)) for name, (kind, shape) in some.items()} for some in (into, out)
    )
