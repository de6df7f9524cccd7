from __future__ import annotations

import gc

import keras
import numpy as np
import pytest

from kerastl.backbones.adapter import constructors
from kerastl.backbones.cuts import find_cuts, nearest_cut, trunk_and_tail
from kerastl.backbones.folding import Folded
from kerastl.data import ImageFolder
from kerastl.recipe import Backbone, Head, Recipe, Stage

# The constructors refuse smaller photos.
_LEAST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
_QUICK = ("MobileNet", "MobileNetV2", "MobileNetV3Small")


def model_of(name: str, pooling: str = "avg", size: int = 32, **options: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    recipe = Recipe(
        name="r",
        data=ImageFolder("nowhere"),
        backbone=Backbone(name, _LEAST.get(name, size), options=options, weights=None),
        head=Head(pooling=pooling, hidden=(8,)),
        stages=(Stage("frozen", 1, 1e-3),),
    )
    return recipe.build(classes=3)


def outputs(model: keras.Model, photos: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(tensor) for tensor in keras.tree.flatten(model(photos, training=False))]


def check_folding(trunk: keras.Model, photos: np.ndarray) -> None:
    """Compare with what a last digit does: the deepest random networks make noise of it."""
    found = Folded(trunk)(photos), outputs(trunk, photos)
    nudged = outputs(trunk, photos * np.float32(1 + 1e-6))
    for mine, theirs, other in zip(*found, nudged, strict=True):
        noise = 100 * np.abs(other - theirs).max()
        np.testing.assert_allclose(mine, theirs, atol=1e-3 * np.abs(theirs).max() + noise)


def check(name: str) -> None:
    """Cut the backbone at its begin, its middle and its end, and put it together again."""
    model = model_of(name)
    size = model.inputs[0].shape[1]
    photos = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    whole = model(photos, training=False).numpy()
    # Were the photos lost on the way, any trunk would go with any tail.
    assert (whole[0] != whole[1]).any()
    cuts = find_cuts(model)
    assert len(cuts) >= 5
    for share in (0.9, 0.5, 0.1, 0.0):
        trunk, tail = trunk_and_tail(model, nearest_cut(cuts, share))
        again = tail(trunk(photos, training=False), training=False).numpy()
        np.testing.assert_array_equal(again, whole)
        check_folding(trunk, photos)
    shares = [cut.share for cut in cuts]
    assert shares == sorted(set(shares), reverse=True)
    assert (shares[0], shares[-1]) == (1.0, 0.0)
    parameters = [cut.parameters for cut in cuts]
    assert parameters == sorted(parameters, reverse=True)
    assert parameters[-1] == 0


def test_there_are_at_least_40_constructors():
    assert len(constructors()) >= 40


@pytest.mark.parametrize("name", _QUICK)
def test_trunk_then_tail_is_the_whole(name: str):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(constructors()) - set(_QUICK)))
def test_trunk_then_tail_is_the_whole_for_all_the_others(name: str):
    check(name)
    keras.backend.clear_session()
    gc.collect()


def test_trunk_and_tail_share_the_layers_of_the_model():
    model = model_of("MobileNetV2", alpha=0.35)
    trunk, tail = trunk_and_tail(model, nearest_cut(find_cuts(model), 0.3))
    mine = {id(weight) for weight in model.weights}
    parts = [{id(weight) for weight in part.weights} for part in (trunk, tail)]
    assert parts[0] | parts[1] == mine
    assert not parts[0] & parts[1]


def test_shares_and_parameters_count_what_is_above():
    model = model_of("MobileNetV2", alpha=0.35)
    cuts = find_cuts(model)
    head = sum(int(np.prod(weight.shape)) for weight in model.weights if "head_" in weight.path)
    assert cuts[0].parameters == model.count_params() - head
    for cut in cuts[1:-1]:
        _, tail = trunk_and_tail(model, cut)
        assert cut.parameters == tail.count_params() - head


def test_the_frozen_cut_lies_behind_the_pooling_where_least_has_to_be_kept():
    model = model_of("MobileNetV2", "avg+max", 64, alpha=0.35)
    assert [tensor.shape for tensor in find_cuts(model)[-1].tensors] == [(None, 2560)]


def test_nearest_cut_snaps_to_the_share():
    model = model_of("VGG16")
    cuts = find_cuts(model)
    assert nearest_cut(cuts, 0.0) is cuts[-1]
    assert nearest_cut(cuts, 1.0) is cuts[0]
    for cut in cuts:
        assert nearest_cut(cuts, cut.share) is cut


def test_a_family_with_few_single_tensors_is_cut_where_two_pass():
    cuts = find_cuts(model_of("NASNetMobile"))
    assert {len(cut.tensors) for cut in cuts} == {1, 2}
    assert len(cuts) > 10
