"""What several verbs share: common options, what they mean, and JSON instead of tables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from kerastl.console import console
from kerastl.errors import CONTROLS, UsageError
from kerastl.network import OFFLINE
from kerastl.settings import override

Command = TypeVar("Command", bound=Callable[..., Any])

Value = TypeVar("Value")

seed_option = click.option(
    "--seed", type=int, metavar="N", help="Decides all that is drawn by chance."
)
offline_option = click.option("--offline", is_flag=True, help="Do not use the network.")


def set_option(examples: str) -> Callable[[Command], Command]:
    """Return the option that sets any value by its path; see `with_settings`."""
    return click.option(
        "--set",
        "settings",
        metavar="PATH=VALUE",
        multiple=True,
        help=f"Any other value, such as {examples}.",
    )


def resume_options(command: Command) -> Command:
    """Add the options that go on with a run that was broken off."""
    resume = click.option("--resume", metavar="RUN", help="Go on with a run that was broken off.")
    force = click.option(
        "--force", is_flag=True, help="Resume though photos, versions or the recipe have changed."
    )
    return resume(force(command))


def output_options(command: Command) -> Command:
    """Add the options that say where a run is written to."""
    overwrite = click.option(
        "--overwrite", is_flag=True, help="Replace an earlier run in that folder."
    )
    path = click.Path(path_type=Path)
    output = click.option("--output", metavar="FOLDER", type=path, help="The run directory.")
    return output(overwrite(command))


def require_photos(source: object) -> None:
    """Make sure, as far as that takes no time, that there are photos.

    It takes no TensorFlow, so that a mistyped folder is told of at once.

    Args:
        source: Where they come from; not all can be glanced at.

    Raises:
        DataError: There are none, or of one class alone.
    """
    if glance := getattr(source, "glance", None):
        glance()


def with_settings(value: Value, texts: tuple[str, ...]) -> Value:
    """Return the value with each `PATH=VALUE` of the texts set in it; of a path the last counts."""
    waiting = [*{text.partition("=")[0].strip(): text for text in texts}.values()]
    while waiting:
        refused: dict[str, UsageError] = {}
        for text in waiting:
            try:
                value = _with_setting(value, text)
            except UsageError as error:
                refused[text] = error
        # What one does not allow another may, whatever their order.
        if len(refused) == len(waiting):
            raise next(iter(refused.values()))
        waiting = [*refused]
    return value


def _with_setting(value: Value, text: str) -> Value:
    path, equals, new = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes PATH=VALUE, not {text!r}.")
    return override(value, path.strip(), new.strip())


def require_resume(force: bool) -> None:
    """Make sure that `--force` was not given to a run that begins."""
    if force:
        raise UsageError("--force is for --resume RUN.")


def require_alone(others: Mapping[str, Any]) -> None:
    """Make sure that nothing beside `--resume` was given: a run has one recipe to its end."""
    # A given 0 equals False and is no less given.
    if any(value not in (None, ()) and value is not False for value in others.values()):
        raise UsageError(
            "--resume goes on with the settings of the run; leave the other options out."
        )


def go_offline(offline: bool) -> None:
    """Forbid the network, if so asked, for all that follows."""
    if offline:
        os.environ[OFFLINE] = "1"


def json_option(command: Command) -> Command:
    """Add `--json`: one JSON object as the last line of standard output, all else to stderr."""

    def redirect(context: click.Context, _: click.Parameter, value: bool) -> bool:
        # Decided here, before the verb begins, so that not one line goes astray; and for this
        # verb alone, since the console outlives it.
        context.call_on_close(partial(setattr, console, "stderr", console.stderr))
        console.stderr = value
        return value

    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=redirect,
        help="Print one JSON object as the last line; all else goes to standard error.",
    )(command)


def print_json(value: Any) -> None:
    """Print the JSON object that `--json` promises."""
    text = json.dumps(value, ensure_ascii=False)
    click.echo(CONTROLS.sub(lambda one: f"\\u{ord(one[0]):04x}", text))
