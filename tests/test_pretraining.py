from __future__ import annotations

import attrs
import pytest

from kerastl import settings
from kerastl.data import Procedural
from kerastl.errors import UsageError
from kerastl.pretraining import Phase, Pretraining, phases
from kerastl.recipe import Backbone


@pytest.fixture
def pretraining() -> Pretraining:
    return Pretraining(
        backbone=Backbone("MobileNet", 128, options={"alpha": 0.25}, weights=None),
        data=Procedural(),
        phases=phases(128, 10),
    )


def test_most_epochs_see_small_images():
    assert phases(128, 10) == (Phase("small", 8, 0.6), Phase("whole", 2, 1.0))


@pytest.mark.parametrize(("image_size", "epochs"), [(112, 10), (128, 1), (128, 2)])
def test_where_there_is_nothing_to_halve_there_is_one_phase(image_size: int, epochs: int):
    assert phases(image_size, epochs) == (Phase("whole", epochs),)


def test_the_phases_lie_on_one_axis(pretraining: Pretraining):
    assert pretraining.epochs == 10
    assert [epochs for _, epochs in pretraining.schedule()] == [range(8), range(8, 10)]


def test_each_phase_has_the_backbone_at_its_size(pretraining: Pretraining):
    sizes = [pretraining.backbone_in(phase).image_size for phase in pretraining.phases]
    assert sizes == [77, 128]


def test_pretrained_weights_are_no_beginning(pretraining: Pretraining):
    with pytest.raises(UsageError, match=r"must be a Backbone with weights=None, not Backbone\("):
        pretraining.override("backbone.weights", "imagenet")


def test_it_is_called_as_its_backbone_unless_it_is_named(pretraining: Pretraining):
    assert pretraining.name == "MobileNet"
    assert attrs.evolve(pretraining, name="mine").name == "mine"


def test_every_value_can_be_overridden_and_read_back(pretraining: Pretraining):
    changed = pretraining.override("phases.small.epochs", "3").override("averaging", "0.9")
    assert (changed.phases[0].epochs, changed.averaging) == (3, 0.9)
    assert settings.from_json(settings.to_json(changed)) == changed


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("storage", "float8", "must be 'float32' or 'float16', not 'float8'"),
        ("phases", "()", "at least one Phase"),
        ("phases.small.name", "whole", "different names"),
        ("phases.small.scale", "0", "a share above 0, up to 1, not 0"),
        ("warmup", "1", "a share from 0 to below 1"),
        ("seed", "-1", "a whole number from 0"),
    ],
)
def test_impossible_values_are_told(pretraining: Pretraining, path: str, text: str, message: str):
    with pytest.raises(UsageError, match=message):
        pretraining.override(path, text)
