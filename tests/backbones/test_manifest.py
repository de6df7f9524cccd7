from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from kerastl.backbones.adapter import all_options, graph, preprocessing_name
from kerastl.backbones.manifest import (
    Manifest,
    check_manifest,
    manifest_path,
    read_manifest,
    sha256_of,
    write_manifest,
)
from kerastl.errors import WeightsError
from kerastl.recipe import Backbone

BACKBONE = Backbone("MobileNet", 32, options={"alpha": 0.25}, weights=None)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "mine.weights.h5"
    graph(BACKBONE)[0].save_weights(path)
    return path


@pytest.fixture
def manifest(weights: Path) -> Manifest:
    manifest = Manifest(
        backbone=BACKBONE.name,
        options=all_options(BACKBONE),
        image_size=32,
        preprocessing=preprocessing_name(BACKBONE),
        data={"type": "kerastl.data.procedural.source:Procedural"},
        classes=("a", "b"),
        images_seen=100,
        seed=0,
        accuracy=0.5,
        sha256=sha256_of(weights),
        versions={"keras": "3"},
        command="kerastl pretrain MobileNet",
    )
    write_manifest(manifest, weights)
    return manifest


def test_a_manifest_is_read_back(weights: Path, manifest: Manifest):
    assert manifest_path(weights).name == "mine.manifest.json"
    assert read_manifest(weights) == manifest


def test_options_left_at_their_defaults_are_the_same_as_those_defaults(
    weights: Path, manifest: Manifest
):
    assert manifest.options == {"alpha": 0.25, "depth_multiplier": 1, "dropout": 0.001}
    check_manifest(weights, BACKBONE)
    check_manifest(weights, attrs.evolve(BACKBONE, image_size=64))
    check_manifest(weights, attrs.evolve(BACKBONE, options={"dropout": 0.001, "alpha": 0.25}))


def test_what_a_later_version_adds_is_passed_over(weights: Path, manifest: Manifest):
    values = {**json.loads(manifest_path(weights).read_text()), "colour": "blue"}
    manifest_path(weights).write_text(json.dumps(values))
    assert read_manifest(weights) == manifest


def test_an_option_that_keras_did_not_have_yet_has_to_be_at_its_default(
    weights: Path, manifest: Manifest
):
    write_manifest(attrs.evolve(manifest, options={"alpha": 0.25}), weights)
    check_manifest(weights, BACKBONE)
    deeper = attrs.evolve(BACKBONE, options={"alpha": 0.25, "depth_multiplier": 2})
    with pytest.raises(WeightsError, match=r"is for MobileNet\(alpha=0\.25\), not for"):
        check_manifest(weights, deeper)


def test_a_file_without_a_manifest_is_not_looked_at(weights: Path):
    check_manifest(weights, Backbone("ResNet50"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "MobileNetV2"}, r"is for MobileNetV2\(alpha=0\.25.*, not for MobileNet\("),
        ({"options": {"alpha": 0.5}}, r"is for MobileNet\(alpha=0\.5\), not for MobileNet\(alpha"),
        ({"preprocessing": "other"}, r"was trained with other, and MobileNet\(.*has keras"),
        (
            {"sha256": "0" * 64},
            r"not the one that mine\.manifest\.json describes: its",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    weights: Path, manifest: Manifest, change: dict, message: str
):
    write_manifest(attrs.evolve(manifest, **change), weights)
    with pytest.raises(WeightsError, match=message) as caught:
        check_manifest(weights, BACKBONE)
    assert str(weights) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, "[]", "{}", '{"backbone": "MobileNet"}', '{"options": null}']
)
def test_a_damaged_manifest_is_told(weights: Path, text: str):
    manifest_path(weights).write_text(text)
    with pytest.raises(WeightsError, match=r"manifest .*mine\.manifest\.json is damaged"):
        check_manifest(weights, BACKBONE)
