"""The weights files on this machine: for which backbones they are, and whether they are sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import h5py

from kerastl.backbones.adapter import Published, all_options, constructors, graph
from kerastl.backbones.download import checksum_of, damage
from kerastl.backbones.manifest import check_manifest, described, read_manifest
from kerastl.backbones.store import shipped_files
from kerastl.backbones.structure import mismatch
from kerastl.errors import UsageError, WeightsError, one_line
from kerastl.files import keras_folder
from kerastl.recipe import Backbone

_IMAGE_SIZE = 224
_SIZES = re.compile(r"(?<!\d)(96|128|160|192|224|331)(?!\d)")
_NUMBERS = re.compile(r"(\d)[._](\d+)")


@attrs.frozen
class Held:
    """A weights file on this machine.

    Args:
        path: Where it is.
        backbone: What it is for, as far as its name or its manifest tells; empty for nothing known.
        origin: `"shipped"` with kerastl, or `"cached"` by Keras.
    """

    path: Path
    backbone: str
    origin: str


def held() -> list[Held]:
    """Return the weights files that kerastl ships and that Keras has cached."""
    cached = sorted(keras_folder().glob("*.h5"))
    return [
        *(Held(path, _of_manifest(path), "shipped") for path in shipped_files()),
        *(Held(path, _of_name(path.name), "cached") for path in cached),
    ]


def _of_manifest(path: Path) -> str:
    try:
        manifest = read_manifest(path)
    except WeightsError:
        return ""
    return described(manifest.backbone, manifest.options) if manifest else ""


def _of_name(file: str) -> str:
    """Return the constructor that a file is for; Keras names its files after them."""
    letters = re.sub(r"[^a-z0-9]", "", file.lower())
    found = [name for name in constructors() if name.lower() in letters]
    name = max(found, key=len, default="")
    return name if not name or _without_top(file) else f"{name} with its top"


def _without_top(file: str) -> bool:
    return "notop" in re.sub(r"[^a-z]", "", file.lower())


def verify(one: Held) -> str:
    """Check a weights file: its checksum where one is known, otherwise all names and shapes in it.

    Returns:
        How it was checked.

    Raises:
        WeightsError: It is damaged, or another file than its name says.
    """
    if one.origin == "shipped":
        manifest = read_manifest(one.path)
        if manifest is None:
            raise WeightsError(f"The manifest of {one.path} is missing; install kerastl anew.")
        backbone = Backbone(manifest.backbone, manifest.image_size, options=manifest.options)
        check_manifest(one.path, backbone)
        _require_fit(one.path, backbone)
        return "checksum, structure"
    for backbone, published in _candidates(one):
        if published.file == one.path.name:
            return _verified(one.path, backbone, published)
    if found := damage(one.path):
        raise WeightsError(f"{one.path} {found}; delete it.")
    return "not looked into: of no backbone without its top"


def _candidates(one: Held) -> Iterator[tuple[Backbone, Published]]:
    """Yield the backbones that the file may be for, and the file that Keras has for each."""
    if not one.backbone or not _without_top(one.path.name):
        return
    known = all_options(Backbone(one.backbone))
    size = _SIZES.search(one.path.name)
    choices: list[dict[str, float | bool]] = [{}]
    if "alpha" in known:
        choices += [{"alpha": alpha} for alpha in _alphas(one.path.name)]
    if "minimalistic" in one.path.name:
        choices = [{**choice, "minimalistic": True} for choice in choices]
    for options in choices:
        backbone = Backbone(one.backbone, int(size[0]) if size else _IMAGE_SIZE, options=options)
        try:
            published = graph(backbone)[1]
        except UsageError:
            continue
        if published:
            yield backbone, published


def _alphas(file: str) -> list[float]:
    """Return the widths that a file's name may mean: 0.35 in `_0.35_`, 0.25 or 2.5 in `_2_5_`."""
    numbers = [float(f"{whole}.{part}") for whole, part in _NUMBERS.findall(file)]
    return [width for number in numbers for width in (number, number / 10) if 0.2 <= width < 2]


def _verified(path: Path, backbone: Backbone, published: Published) -> str:
    if not published.hash:
        _require_fit(path, backbone)
        return "structure; Keras publishes no checksum"
    found = checksum_of(path, published.hash)
    if found != published.hash:
        raise WeightsError(
            f"{path} has the checksum {found}, and Keras publishes {published.hash}; delete it and "
            f"fetch it anew: kerastl weights fetch {backbone.name}"
        )
    return "checksum"


def _require_fit(path: Path, backbone: Backbone) -> None:
    try:
        with h5py.File(path, "r") as file:
            difference = mismatch(graph(backbone)[0], file, path)
    except (OSError, KeyError) as error:
        raise WeightsError(f"{path} is damaged: {one_line(error)}; delete it.") from error
    if difference:
        raise WeightsError(f"{path} does not fit {backbone.name}: {difference}; delete it.")
