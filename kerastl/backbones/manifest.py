"""What stands beside a weights file of kerastl's own: what it is for and where it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from kerastl import validators
from kerastl.backbones.adapter import all_options, preprocessing_name
from kerastl.errors import UsageError, WeightsError, one_line
from kerastl.files import write_text
from kerastl.recipe import Backbone
from kerastl.settings import parse_json

_ENDING = ".weights.h5"


@attrs.frozen(kw_only=True)
class Manifest:
    """The provenance of a source model's weights.

    Args:
        backbone: The name of the Keras constructor.
        options: All of its options, those that were left at their defaults among them.
        image_size: Height and width in pixels of the images it was trained on last.
        preprocessing: The function that is part of its graph.
        data: The source of the images, as in `run.json`.
        classes: What they were told apart into.
        images_seen: How many images training has seen, an image seen twice counted twice.
        seed: What decided the first weights, the images and their order.
        accuracy: On images held out, of these very weights under the head they were trained with.
        sha256: Of the weights file, in hexadecimal.
        versions: Of the packages that made it.
        command: What made it, where it was made on the command line.
    """

    backbone: str
    options: Mapping[str, Any] = attrs.field(
        validator=validators.must_be("options by name", lambda value: isinstance(value, Mapping))
    )
    image_size: int
    preprocessing: str
    data: Any
    classes: tuple[str, ...] = attrs.field(converter=tuple, repr=False)
    images_seen: int
    seed: int
    accuracy: float
    sha256: str
    versions: Mapping[str, str]
    command: str | None = None

    def is_for(self, backbone: Backbone) -> bool:
        """Say whether the weights are of that backbone.

        An option that Keras did not have yet when they were made has to be at its default.
        """
        made = Backbone(self.backbone)
        return self.backbone == backbone.name and all_options(backbone) == {
            **all_options(made),
            **self.options,
        }


def manifest_path(weights: Path) -> Path:
    """Return where the manifest of `NAME.weights.h5` stands: `NAME.manifest.json` beside it."""
    return weights.with_name(weights.name.removesuffix(_ENDING) + ".manifest.json")


def write_manifest(manifest: Manifest, weights: Path) -> None:
    """Write the manifest beside its weights file."""
    write_text(manifest_path(weights), json.dumps(attrs.asdict(manifest), indent=1) + "\n")


def read_manifest(weights: Path) -> Manifest | None:
    """Return the manifest of a weights file, if there is one beside it.

    Raises:
        WeightsError: It is damaged.
    """
    path = manifest_path(weights)
    if not weights.name.endswith(_ENDING) or not path.is_file():
        return None
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
        known = {field.name for field in attrs.fields(Manifest)}
        return Manifest(**{name: value for name, value in values.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError, UsageError) as error:
        raise WeightsError(f"The manifest {path} is damaged: {one_line(error)}.") from error


def check_manifest(weights: Path, backbone: Backbone) -> None:
    """Make sure that a weights file is for the backbone, and the one that its manifest describes.

    Raises:
        WeightsError: It is not. A file without a manifest is not looked at.
    """
    manifest = read_manifest(weights)
    if manifest is None:
        return
    wanted = described(backbone.name, all_options(backbone))
    if not manifest.is_for(backbone):
        made_for = described(manifest.backbone, manifest.options)
        raise WeightsError(
            f"Weights file {weights} is for {made_for}, not for {wanted}. It goes with --backbone "
            f"{manifest.backbone} and its options, --set backbone.options.NAME=VALUE."
        )
    if manifest.preprocessing != preprocessing_name(backbone):
        raise WeightsError(
            f"Weights file {weights} was trained with {manifest.preprocessing}, "
            f"and {wanted} has {preprocessing_name(backbone)}."
        )
    if manifest.sha256 != sha256_of(weights):
        raise WeightsError(
            f"Weights file {weights} is not the one that {manifest_path(weights).name} describes: "
            "its checksum is another. Copy both anew."
        )


def described(name: str, options: Mapping[str, Any]) -> str:
    """Return a backbone as a person would write it: `MobileNetV2(alpha=0.35)`."""
    values = ", ".join(f"{key}={value!r}" for key, value in sorted(options.items()))
    return f"{name}({values})" if values else name


def sha256_of(path: Path) -> str:
    """Return the checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
