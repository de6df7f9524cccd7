"""What the values of a recipe may be; others are refused in a line that says what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from kerastl.errors import UsageError

Test = Callable[[Any], bool]
Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def must_be(expected: str, test: Test) -> Validator:
    """Return a validator that names what was expected where the test says no."""

    def validate(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not test(value):
            owner = type(instance).__name__
            raise UsageError(f"{owner}.{attribute.name} must be {expected}, not {value!r}.")

    return validate


def one_of(*choices: str) -> Validator:
    """Return a validator of a choice between words."""
    *others, last = map(repr, choices)
    named = f"{', '.join(others)} or {last}"
    return must_be(named, lambda value: isinstance(value, str) and value in choices)


def whole(what: str, least: int) -> Validator:
    """Return a validator of a count: whole numbers from the least on."""
    return must_be(f"{what} from {least}", lambda value: is_whole(value) and value >= least)


def whole_or_auto(what: str) -> Validator:
    """Return a validator of a count from 1, or of `"auto"`, which leaves it to kerastl."""
    return must_be(
        f"{what} from 1, or 'auto'",
        lambda value: value == "auto" or (is_whole(value) and value >= 1),
    )


def is_whole(value: Any) -> bool:
    """Say whether it is a whole number; Python counts True among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Say whether it is a finite number, whole or not."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def as_tuple(value: Any) -> Any:
    """Convert a list to a tuple, and a single value to a tuple of it."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
# Names become names of folders, and of layers' scopes in TensorFlow.
name = must_be(
    "a name of letters, digits, '_', '-' and '.'",
    lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)),
)
truth = must_be("true or false", lambda value: isinstance(value, bool))
above_zero = must_be("a number above 0", lambda value: is_number(value) and value > 0)
from_zero = must_be("a number from 0", lambda value: is_number(value) and value >= 0)
share = must_be("a share from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1)
share_above_zero = must_be(
    "a share above 0, up to 1", lambda value: is_number(value) and 0 < value <= 1
)
mapping = must_be("options by name", lambda value: isinstance(value, Mapping))
# A share that may be 0 but not all, such as that of a split.
part = must_be("a share from 0 to below 1", lambda value: is_number(value) and 0 <= value < 1)
seed = must_be(
    "a whole number from 0 below 2**31", lambda value: is_whole(value) and 0 <= value < 2**31
)


def as_text(value: Any) -> Any:
    """Convert a path to its text, and let nothing be nothing."""
    return None if value is None else str(value)


def as_augment(value: Any) -> Any:
    """Convert truth, which once was all that could be said of augmentation, to its word."""
    if isinstance(value, bool):
        return "light" if value else None
    return value


def _is_fold(value: Any) -> bool:
    parts = re.fullmatch(r"(\d{1,3})/(\d{1,3})", value) if isinstance(value, str) else None
    return parts is not None and 1 <= int(parts[1]) <= int(parts[2]) >= 2


fold = attrs.validators.optional(must_be("a fold such as '2/5'", _is_fold))


def _is_grouping(value: Any) -> bool:
    if isinstance(value, str):
        try:
            return bool(re.compile(value).pattern)
        except re.error:
            return False
    return value is None or (is_whole(value) and value >= 1)


grouping = must_be("a number of folders from 1, a regular expression, or None", _is_grouping)
