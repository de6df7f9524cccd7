from __future__ import annotations

import json

import attrs
import pytest

from kerastl import settings
from kerastl.errors import DataError, UsageError
from kerastl.recipe import Recipe


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-4", 1e-4),
        ("true", True),
        ("None", None),
        ("(64, 32)", (64, 32)),
        ("avg+max", "avg+max"),
        ("/some/file.h5", "/some/file.h5"),
    ],
)
def test_parse(text: str, value):
    assert settings.parse(text) == value


def test_override_reaches_every_kind_of_place(recipe: Recipe):
    changed = (
        recipe.override("stages.unfrozen.epochs", "9")
        .override("backbone.options.alpha", "0.5")
        .override("head.hidden", "(64,)")
        .override("division.validation", "0.3")
        .override("seed", "11")
    )
    assert changed.stages[1].epochs == 9
    assert changed.stages[0] is recipe.stages[0]
    assert changed.backbone.options == {"alpha": 0.5}
    assert changed.head.hidden == (64,)
    assert changed.division.validation == 0.3
    assert changed.seed == 11


def test_override_adds_an_option_of_the_backbone(recipe: Recipe):
    assert recipe.override("backbone.options.minimalistic", "true").backbone.options == {
        "alpha": 0.25,
        "minimalistic": True,
    }


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("stages.frosen.epochs", "Did you mean 'frozen'?"),
        ("stages.frozen.epoch", "Did you mean 'epochs'?"),
        ("batchsize", "Did you mean 'batch_size'?"),
        ("seed.more", "Nothing can be named"),
        ("", "Known: "),
    ],
)
def test_an_unknown_path_is_named_and_the_nearest_offered(recipe: Recipe, path: str, hint: str):
    with pytest.raises(UsageError) as caught:
        recipe.override(path, "3")
    assert repr(path) in str(caught.value)
    assert hint in str(caught.value)


def test_an_impossible_value_is_refused(recipe: Recipe):
    with pytest.raises(UsageError, match=r"Stage\.epochs must be .* not 'many'"):
        recipe.override("stages.frozen.epochs", "many")


def test_every_path_that_is_listed_can_be_overridden_with_its_own_value(recipe: Recipe):
    for path, text in settings.paths(recipe):
        assert recipe.override(path, text) == recipe, path


def test_a_recipe_comes_back_from_json(recipe: Recipe):
    text = json.dumps(settings.to_json(recipe))
    assert settings.from_json(json.loads(text)) == recipe


def test_json_of_other_peoples_classes_is_not_brought_to_life(recipe: Recipe):
    class Source:
        def find(self):
            pytest.fail("it was brought to life")

    value = settings.to_json(attrs.evolve(recipe, data=Source()))
    with pytest.raises(DataError, match="Source is not one of kerastl's own"):
        settings.from_json(value)
    with pytest.raises(DataError, match="not one of kerastl's own"):
        settings.from_json({"type": "os:system"})


def test_what_never_ends_is_told():
    with pytest.raises(DataError, match="nested so deeply"):
        settings.from_json(json.loads("[" * 900 + "]" * 900))


@pytest.mark.parametrize("kind", ["kerastl.nothing:Recipe", "kerastl.recipe:Nothing", ":", 7, None])
def test_a_class_that_does_not_exist_is_told(kind):
    with pytest.raises(DataError, match="not one of kerastl's own"):
        settings.from_json({"type": kind})


def test_what_was_recorded_has_the_paths_of_what_was_shown(recipe: Recipe):
    hidden = recipe.override("head.hidden", "(64, 32)")
    written = json.loads(json.dumps(settings.to_json(hidden)))
    assert list(settings.paths(settings.recorded(written))) == list(settings.paths(hidden))


def test_of_a_value_of_somebody_elses_the_class_is_recorded():
    written = {"type": "kerastl.recipe:Recipe", "data": {"type": "theirs:Photos"}, "seed": 0}
    found = dict(settings.paths(settings.recorded(written)))
    assert found == {"data": "theirs:Photos", "seed": "0"}
