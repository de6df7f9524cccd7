"""Requests of TensorFlow Serving's REST interface -> photos; outputs -> its answers.

The format is that of https://www.tensorflow.org/tfx/serving/api_rest: rows (`instances`, answered
by `predictions`) or columns (`inputs`, answered by `outputs`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from kerastl.errors import one_line
from kerastl.serving.opened import Pixels
from kerastl.serving.server.limits import RefusedError
from kerastl.serving.server.signatures import DEFAULT, STRING, UINT8, Named, Signature
from kerastl.settings import parse_json

ROWS, COLUMNS = "instances", "inputs"


@attrs.frozen
class Asked:
    """What stands in a request.

    Args:
        signature: Which is asked.
        format: `ROWS` or `COLUMNS`.
        photos: Files, or squares of pixels.
    """

    signature: Signature
    format: str
    photos: Sequence[bytes | Pixels]

    def answer(self, outputs: Named) -> dict[str, Any]:
        """Return outputs in the format of the request; where there is one, without its name."""
        single = next(iter(outputs.values())) if len(outputs) == 1 else None
        if self.format == COLUMNS:
            return {"outputs": outputs if single is None else single}
        rows = (dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True))
        return {"predictions": [*rows] if single is None else single}


def read(body: bytes, signatures: Mapping[str, Signature], size: int) -> Asked:
    """Return what a request asks.

    Args:
        body: Its JSON.
        signatures: Those of the model.
        size: Height and width in pixels of the photos that the model takes.

    Raises:
        RefusedError: It is malformed: what was expected, and what came.
    """
    asked = _object(body)
    name = asked.get("signature_name", DEFAULT)
    if not isinstance(name, str):
        raise _malformed("'signature_name' must be a string")
    name = name or DEFAULT
    if name not in signatures:
        known = ", ".join(signatures)
        raise _malformed(f"the model has no signature {name!r}; it has {known}")
    kinds = [kind for kind in (ROWS, COLUMNS) if kind in asked]
    if len(kinds) != 1:
        raise _malformed(f"expected one of '{COLUMNS}' and '{ROWS}', not {len(kinds)} of them")
    signature, (kind,) = signatures[name], kinds
    column = (_column_of_rows if kind == ROWS else _column)(asked[kind], signature.input)
    if signature.takes == STRING:
        return Asked(signature, kind, _files(column))
    return Asked(signature, kind, [*_pixels(column, signature, size)])


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = parse_json(body)
    except ValueError as error:
        raise _malformed(f"no JSON came: {one_line(error)}") from error
    if not isinstance(asked, dict):
        raise _malformed(f"expected a JSON object, not {_kind(asked)}")
    return asked


def _column_of_rows(rows: Any, name: str) -> list[Any]:
    """Return the values of rows, each of them a value or an object with the input's name."""
    if not isinstance(rows, list) or not rows:
        raise _malformed(f"expected '{ROWS}' to be a list with something in it")
    # Rows are of one kind: that of the first.
    if not _is_object(rows[0]):
        for number, row in enumerate(rows):
            if _is_object(row):
                raise _malformed(f"expected a value, but an object came at item {number}")
        return rows
    for number, row in enumerate(rows):
        if not _is_object(row) or [*row] != [name]:
            raise _malformed(f"expected an object of '{name}' alone at item {number}")
    return [row[name] for row in rows]


def _column(value: Any, name: str) -> list[Any]:
    if _is_object(value):
        if name not in value:
            raise _malformed(f"'{COLUMNS}' lacks the input '{name}'")
        value = value[name]
    if not isinstance(value, list):
        raise _malformed(f"expected a list of '{name}', not {_kind(value)}")
    return value


def _is_object(value: Any) -> bool:
    """Say whether a value has names of inputs in it, and not bytes."""
    return isinstance(value, dict) and not (len(value) == 1 and isinstance(value.get("b64"), str))


def _files(column: list[Any]) -> list[bytes]:
    return [_file(value, number) for number, value in enumerate(column)]


def _file(value: Any, number: int) -> bytes:
    if isinstance(value, str):
        # As TensorFlow Serving takes it: text, and no photo.
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, dict) or _is_object(value):
        raise _malformed(f'expected {{"b64": ...}} at item {number}, not {_kind(value)}')
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise _malformed(f"item {number} is no base64") from None


def _pixels(column: list[Any], signature: Signature, size: int) -> Pixels:
    shape = f"[photos, {size}, {size}, 3]"
    try:
        pixels = np.array(column)
    except ValueError:
        raise _malformed(f"expected numbers {shape}; the lists are of different lengths") from None
    if pixels.shape[1:] != (size, size, 3):
        raise _malformed(f"expected numbers {shape}, not {[*pixels.shape]}")
    return _of_bytes(pixels) if signature.takes == UINT8 else _of_numbers(pixels)


def _of_bytes(pixels: Pixels) -> Pixels:
    if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255:
        raise _malformed("expected whole numbers of 0..255")
    return pixels.astype(np.uint8)


def _of_numbers(pixels: Pixels) -> Pixels:
    with np.errstate(over="ignore"):
        numbers = pixels.astype(np.float32) if pixels.dtype.kind in "iuf" else np.array(np.nan)
    if not np.isfinite(numbers).all():
        raise _malformed("expected numbers alone")
    return numbers


def _kind(value: Any) -> str:
    kinds = {type(None): "null", bool: "a boolean", dict: "an object", list: "a list"}
    return kinds.get(type(value), "a string" if isinstance(value, str) else "a number")


def _malformed(text: str) -> RefusedError:
    return RefusedError(400, f"Malformed request: {text}.")
