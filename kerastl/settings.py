"""The values of a recipe as text: changed by a path, written to JSON and read back."""

from __future__ import annotations

import ast
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import attrs

from kerastl.errors import DataError, UsageError, did_you_mean

Value = TypeVar("Value")

_WORDS = {"none": None, "true": True, "false": False}


def parse(text: str) -> Any:
    """Return the Python value that a person means: `3`, `0.5`, `(64, 32)`, `none`, `true`, text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def parse_json(text: str | bytes) -> Any:
    """Return what a text of JSON says.

    Raises:
        ValueError: It is none, or is nested so deeply that Python does not read it.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def override(value: Value, path: str, text: str) -> Value:
    """Return a copy of the value in which what the path names is the value of the text.

    A path is made of fields, of the names of a tuple's items, and of a mapping's keys,
    joined by dots: `backbone.options.alpha`, `stages.unfrozen.epochs`.

    Raises:
        UsageError: There is no such path, or the value is not possible there.
    """
    changed: Value = _replace(value, path.split("."), parse(text), path)
    return changed


def _replace(value: Any, steps: list[str], new: Any, path: str) -> Any:
    if not steps:
        return new
    step, *rest = steps
    if isinstance(value, Mapping) and step:
        return {**value, step: _replace(value.get(step), rest, new, path)}
    children = _children(value)
    if step not in children:
        raise UsageError(_unknown(path, step, children))
    child = _replace(children[step], rest, new, path)
    if isinstance(value, tuple):
        return tuple(child if item is children[step] else item for item in value)
    return attrs.evolve(value, **{step: child})


def _children(value: Any) -> dict[str, Any]:
    """Return what a step of a path can name inside the value."""
    if attrs.has(type(value)):
        return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    if isinstance(value, tuple) and all(hasattr(item, "name") for item in value):
        return {item.name: item for item in value}
    return {}


def _unknown(path: str, step: str, children: dict[str, Any]) -> str:
    hint = did_you_mean(step, children) if children else "Nothing can be named inside that value."
    return f"There is no setting {path!r}: no {step!r} there. {hint}"


def paths(value: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield every path that can be overridden, with its value as text."""
    children = dict(value) if isinstance(value, Mapping) else _children(value)
    if not children:
        yield before, text_of(value)
    for step, child in children.items():
        yield from paths(child, f"{before}.{step}" if before else step)


def text_of(value: Any) -> str:
    """Return the text that `parse` makes the value of."""
    words = {written: word for word, written in _WORDS.items() if written is not None}
    if value is None:
        return "none"
    if isinstance(value, bool):
        return words[value]
    return str(value)


def to_json(value: Any) -> Any:
    """Return the value made of what JSON has; an attrs value keeps the name of its class."""
    if attrs.has(type(value)):
        return {
            "type": _kind(value),
            **{name: to_json(item) for name, item in _children(value).items()},
        }
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value) if isinstance(value, os.PathLike) else {"type": _kind(value)}


def _kind(value: Any) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"


def from_json(value: Any) -> Any:
    """Return what `to_json` was given.

    Raises:
        DataError: The value's class is not one of kerastl's own: no other code is run for it.
    """
    try:
        return _from_json(value)
    except RecursionError as error:
        raise DataError("What is nested so deeply is no value of kerastl's.") from error


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    fields = {key: _from_json(item) for key, item in value.items() if key != "type"}
    if "type" not in value:
        return fields
    kind = _class(value["type"])
    try:
        return kind(**fields)
    except TypeError as error:
        raise DataError(
            f"A {kind.__name__} of another version cannot be read back: {error}."
        ) from error


def recorded(value: Any) -> Any:
    """Return what `to_json` made as values of which `paths` yields the same paths and texts.

    Unlike `from_json` it makes no values of any class, so it takes those of other versions, too.
    """
    if isinstance(value, list):
        items = tuple(recorded(item) for item in value)
        named = items and all(isinstance(item, Mapping) and "name" in item for item in items)
        return {item["name"]: item for item in items} if named else items
    if not isinstance(value, dict):
        return value
    fields = {key: recorded(item) for key, item in value.items() if key != "type"}
    # Of somebody else's value nothing is known but its class.
    return fields or value.get("type", fields)


def _class(kind: Any) -> type:
    module, _, name = str(kind).partition(":")
    found = None
    if module.startswith("kerastl."):
        with suppress(ImportError):
            found = getattr(importlib.import_module(module), name, None)
    if not (isinstance(found, type) and attrs.has(found)):
        raise DataError(f"{kind} is not one of kerastl's own values and cannot be read back.")
    return found
