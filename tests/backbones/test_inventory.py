from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from kerastl.backbones import inventory
from kerastl.backbones.adapter import Published, graph
from kerastl.backbones.inventory import Held, held, verify
from kerastl.errors import WeightsError
from kerastl.recipe import Backbone
from legacy import save_legacy

NARROW = Backbone("MobileNetV2", 128, options={"alpha": 0.35})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("file", "backbone"),
    [
        ("mobilenet_2_5_224_tf_no_top.h5", "MobileNet"),
        ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", "MobileNetV2"),
        ("weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5", "MobileNetV3Large"),
        ("resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "ResNet50"),
        ("resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5", "ResNet50V2"),
        ("efficientnetb0_notop.h5", "EfficientNetB0"),
        ("efficientnetv2-b0_notop.h5", "EfficientNetV2B0"),
        ("nasnet_mobile_no_top.h5", "NASNetMobile"),
        ("inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5", "InceptionResNetV2"),
        ("mobilenet_2_5_224_tf.h5", "MobileNet with its top"),
        ("somebody_elses.h5", ""),
    ],
)
def test_a_files_name_tells_its_backbone(cache: Path, file: str, backbone: str):
    (cache / file).touch()
    (found,) = (one for one in held() if one.origin == "cached")
    assert found == Held(cache / file, backbone, "cached")


def test_a_cached_file_without_a_checksum_is_compared_tensor_by_tensor(cache: Path):
    model, published = graph(NARROW)
    assert published is not None
    assert published.hash is None
    path = cache / published.file
    save_legacy(model, path)
    one = Held(path, "MobileNetV2", "cached")
    assert verify(one) == "structure; Keras publishes no checksum"

    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = list(file.attrs["layer_names"])[1:]
    with pytest.raises(WeightsError, match=r"does not fit MobileNetV2: .*; delete it"):
        verify(one)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"is damaged: .*; delete it"):
        verify(one)


def test_a_checksum_decides_where_keras_publishes_one(cache: Path, monkeypatch: pytest.MonkeyPatch):
    path = cache / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path.write_bytes(b"abc")
    one = Held(path, "ResNet50", "cached")
    with pytest.raises(WeightsError, match=r"has the checksum 9001.*fetch ResNet50"):
        verify(one)
    right = Published(path.name, "", "900150983cd24fb0d6963f7d28e17f72")
    monkeypatch.setattr(inventory, "graph", lambda _: (None, right))
    assert verify(one) == "checksum"


def test_a_file_of_no_backbone_is_looked_at_from_outside(cache: Path):
    path = cache / "other.h5"
    h5py.File(path, "w").close()
    assert verify(Held(path, "", "cached")).startswith("not looked into")
    path.write_text("no weights")
    with pytest.raises(WeightsError, match="is damaged or no HDF5 file"):
        verify(Held(path, "", "cached"))


def test_what_is_shipped_is_sound():
    shipped = [one for one in held() if one.origin == "shipped"]
    assert shipped
    for one in shipped:
        assert verify(one) == "checksum, structure"
        assert one.path.stat().st_size < 2_000_000
