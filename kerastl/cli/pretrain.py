"""`kerastl pretrain`: a source model of your own, from random weights."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.backbones.names import require_name
from kerastl.cli.options import (
    go_offline,
    json_option,
    offline_option,
    output_options,
    print_json,
    require_alone,
    require_photos,
    require_resume,
    resume_options,
    seed_option,
    set_option,
    with_settings,
)
from kerastl.clock import Clock
from kerastl.errors import UsageError

if TYPE_CHECKING:
    from kerastl.pretraining import Pretraining
    from kerastl.source_model import SourceModel

_EXAMPLES = """\b
Examples:
  kerastl pretrain MobileNetV2 --set backbone.options.alpha=0.35
  kerastl pretrain ResNet50 --data many_photos/ --epochs 90
  kerastl pretrain --resume runs/MobileNetV2-20260131-120000
  kerastl run candy --weights runs/MobileNetV2-20260131-120000/source.weights.h5
"""


@click.command(epilog=_EXAMPLES)
@click.argument("backbone", required=False)
@click.option(
    "--data",
    metavar="SOURCE",
    help="Your own photos, tfds:NAME, or procedural: images drawn without end (the default).",
)
@click.option("--image-size", type=int, metavar="PIXELS", help="Side of the images; 128 by itself.")
@click.option("--epochs", type=int, metavar="N", help="Length of the whole; 56 by itself.")
@click.option("--batch-size", type=int, metavar="N", help="Images a step; 128 by itself.")
@seed_option
@set_option("backbone.options.alpha=0.35, learning_rate=1e-3, storage=float16")
@offline_option
@output_options
@resume_options
@json_option
@click.pass_obj
def pretrain(
    clock: Clock, /, backbone: str | None, resume: str | None, as_json: bool, **options: Any
) -> None:
    """Train BACKBONE, a network of keras.applications, from random weights.

    The weights without top, and beside them a manifest of what they are, are for `kerastl run
    RECIPE --weights FILE`. All goes into a run directory, a new one under runs/ unless --output
    names another.
    """
    if backbone and not resume:
        result = _begin(clock, backbone, **options)
    elif resume and not backbone:
        result = _resume(clock, resume, **options)
    else:
        raise UsageError("Name one backbone of keras.applications, or --resume RUN.")
    _show(result)
    if as_json:
        print_json(result.as_json())


def _begin(
    clock: Clock,
    name: str,
    *,
    output: Path | None,
    overwrite: bool,
    force: bool,
    offline: bool,
    **options: Any,
) -> SourceModel:
    require_resume(force)
    go_offline(offline)
    require_name(name)
    pretraining = _pretraining(name, **options)
    require_photos(pretraining.data)
    with clock.part("import"):
        from kerastl import source_model

    return source_model.pretrain(
        pretraining,
        output,
        overwrite=overwrite,
        clock=clock,
        command=shlex.join(["kerastl", *sys.argv[1:]]),
    )


def _pretraining(
    name: str,
    *,
    data: str | None,
    image_size: int | None,
    epochs: int | None,
    batch_size: int | None,
    seed: int | None,
    settings: tuple[str, ...],
) -> Pretraining:
    from kerastl.data import Procedural, source_of
    from kerastl.pretraining import Pretraining, phases
    from kerastl.recipe import Backbone

    size = 128 if image_size is None else image_size
    given: dict[str, Any] = {"batch_size": batch_size, "seed": seed}
    pretraining = Pretraining(
        backbone=Backbone(name, size, weights=None),
        data=Procedural() if data in (None, "procedural") else source_of(str(data)),
        phases=phases(size, 56 if epochs is None else epochs),
        **{field: value for field, value in given.items() if value is not None},
    )
    return with_settings(pretraining, settings)


def _resume(clock: Clock, name: str, *, force: bool, offline: bool, **others: Any) -> SourceModel:
    require_alone(others)
    go_offline(offline)
    with clock.part("import"):
        from kerastl import source_model

    return source_model.resume_pretraining(name, force=force, clock=clock)


def _show(result: SourceModel) -> None:
    from kerastl.console import console, say
    from kerastl.evaluation.tables import time_table

    say("")
    console.print(time_table(result.seconds))
    manifest = result.manifest
    say(
        f"\n{manifest.images_seen:,} images seen; accuracy {manifest.accuracy:.3f} on images held "
        f"out, of {len(manifest.classes)} classes. Next:"
    )
    options = (f"--set backbone.options.{key}={value}" for key, value in result.options.items())
    backbone = " ".join(["--backbone", manifest.backbone, *options])
    say(f"  kerastl run candy --weights {result.weights} {backbone}")
