"""`kerastl weights`: the weights files that runs start from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
import click

from kerastl.backbones.names import require_name
from kerastl.cli.options import go_offline, offline_option, set_option, with_settings
from kerastl.errors import KerastlError, WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    from kerastl.recipe import Backbone

# Where Keras publishes its weights; the exact address of each file is in its constructor.
_KERAS = "https://storage.googleapis.com"
_EXAMPLES = """\b
Examples:
  kerastl weights list
  kerastl weights fetch candy flowers
  kerastl weights fetch MobileNetV2 ResNet50 --image-size 160
  kerastl weights verify
  kerastl weights path candy
"""


@click.group(epilog=_EXAMPLES)
def weights() -> None:
    """List, fetch and check the weights that runs start from."""


@weights.command("list", epilog="\b\nExamples:\n  kerastl weights list")
def list_() -> None:
    """List the weights files on this machine, and the backbones they are for."""
    from rich.filesize import decimal
    from rich.table import Table
    from rich.text import Text

    from kerastl.backbones.inventory import held
    from kerastl.console import console, say
    from kerastl.files import keras_folder

    table = Table("weights", "backbone", box=None, header_style="bold")
    table.add_column("size", justify="right")
    table.add_column("file", overflow="fold")
    for one in held():
        name = "procedural" if one.origin == "shipped" else "imagenet"
        size = decimal(one.path.stat().st_size)
        table.add_row(name, one.backbone or "unknown", size, Text(one.path.name))
    console.print(table)
    say(f"\nprocedural: shipped with kerastl. imagenet: in {keras_folder()}")


@weights.command(epilog="\b\nExamples:\n  kerastl weights fetch candy ResNet50")
@click.argument("names", metavar="BACKBONE...", nargs=-1, required=True)
@click.option("--image-size", type=int, metavar="PIXELS", help="Side of the photos.")
@set_option("options.alpha=0.35")
@offline_option
def fetch(
    names: tuple[str, ...], image_size: int | None, settings: tuple[str, ...], offline: bool
) -> int:
    """Fetch ImageNet weights for a machine that is to go offline.

    BACKBONE is a constructor of keras.applications, or a recipe for the one that it names. What
    was broken off is gone on with; several are fetched at once.
    """
    from kerastl.console import note, say

    go_offline(offline)
    # A typing mistake is told before TensorFlow is imported.
    backbones = [_backbone(name, image_size, settings) for name in names]
    _require_network(backbones)
    from kerastl.backbones.store import fetch_all, published_for

    failed = 0
    for result in fetch_all([published_for(backbone) for backbone in backbones]):
        if isinstance(result, WeightsError):
            failed += 1
            note(f"Error: {result}")
        else:
            say(str(result))
    return 1 if failed else 0


def _require_network(backbones: list[Backbone]) -> None:
    """Tell at once, and not after TensorFlow's import, that nothing can be fetched.

    Raises:
        WeightsError: There is no network, and of some backbone no file is in the cache.
    """
    from kerastl.files import keras_folder
    from kerastl.network import is_offline, reachable

    files = [re.sub(r"[^a-z0-9]", "", each.name.lower()) for each in keras_folder().glob("*.h5")]
    lacking = [
        backbone.name
        for backbone in backbones
        if not any(backbone.name.lower() in file for file in files)
    ]
    if lacking and (is_offline() or not reachable(_KERAS)):
        why = "the network is off" if is_offline() else "there is no network"
        raise WeightsError(
            f"The ImageNet weights of {', '.join(lacking)} are not in {keras_folder()} and {why}: "
            "copy them there from another machine, or take others with kerastl run --weights FILE."
        )


@weights.command(epilog="\b\nExamples:\n  kerastl weights verify")
def verify() -> int:
    """Check every weights file that `kerastl weights list` shows.

    By its checksum where Keras publishes one or kerastl has written one, otherwise by the name and
    shape of every tensor in it.
    """
    from kerastl.backbones.inventory import held
    from kerastl.backbones.inventory import verify as verify_one
    from kerastl.console import note, say

    failed = 0
    for one in held():
        try:
            say(f"{one.path.name}: {verify_one(one)}")
        except KerastlError as error:
            failed += 1
            note(f"Error: {error}")
    return 1 if failed else 0


@weights.command(epilog="\b\nExamples:\n  kerastl weights path\n  kerastl weights path candy")
@click.argument("name", metavar="[BACKBONE]", required=False)
@click.option("--image-size", type=int, metavar="PIXELS", help="Side of the photos.")
@set_option("options.alpha=0.35")
def path(name: str | None, image_size: int | None, settings: tuple[str, ...]) -> None:
    """Print where weights are kept: all, or those of BACKBONE.

    BACKBONE is a constructor of keras.applications, or a recipe for the one that it names.
    """
    click.echo(_path(name, image_size, settings))


def _path(name: str | None, image_size: int | None, settings: tuple[str, ...]) -> Path:
    from kerastl.files import keras_folder

    if name is None:
        return keras_folder()
    # A typing mistake is told before TensorFlow is imported.
    backbone = _backbone(name, image_size, settings)
    from kerastl.backbones.store import published_for

    return keras_folder() / published_for(backbone).file


def _backbone(name: str, image_size: int | None, settings: tuple[str, ...]) -> Backbone:
    """Return the backbone of a recipe, or the one of that name."""
    from kerastl.recipe import Backbone
    from kerastl.registry import entries, find

    is_recipe = name in entries() or name.endswith(".py")
    if not is_recipe:
        require_name(name)
    backbone = find(name).backbone if is_recipe else Backbone(name)
    if image_size is not None:
        backbone = attrs.evolve(backbone, image_size=image_size)
    return with_settings(backbone, settings)
