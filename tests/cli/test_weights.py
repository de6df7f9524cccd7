from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "keras" / "models").mkdir(parents=True)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


def test_list_shows_what_is_shipped_and_what_is_cached(within, cache: Path, tmp_path: Path):
    (cache / "models" / "efficientnetb0_notop.h5").write_bytes(b"12345")
    done = within("weights", "list", cwd=tmp_path)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[1][:2] == ["procedural", "MobileNetV2(alpha=0.35)"]
    assert rows[2] == ["imagenet", "EfficientNetB0", "5", "bytes", "efficientnetb0_notop.h5"]
    assert str(cache / "models") in done.stdout


def test_verify_names_what_is_damaged_and_fails(program, cache: Path, tmp_path: Path):
    (cache / "models" / "somebody_elses.h5").write_text("no weights")
    done = program("weights", "verify", cwd=tmp_path)
    assert done.returncode == 1
    assert "MobileNetV2_0.35.weights.h5: checksum, structure" in done.stdout
    assert "somebody_elses.h5 is damaged or no HDF5 file; delete it." in done.stderr


def test_path_names_the_folder_and_the_file(program, within, cache: Path, tmp_path: Path):
    assert program("weights", "path", cwd=tmp_path).stdout.strip() == str(cache / "models")
    narrow = ["MobileNetV2", "--set", "options.alpha=0.35", "--image-size", "160"]
    done = within("weights", "path", *narrow, cwd=tmp_path)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_160_no_top.h5"
    assert done.stdout.strip() == str(cache / "models" / name)
    assert within("weights", "path", "candy", cwd=tmp_path).stdout == done.stdout


def test_what_is_cached_is_not_fetched_again(within, cache: Path, tmp_path: Path):
    path = cache / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path.touch()
    assert within("weights", "fetch", "VGG16", cwd=tmp_path).stdout.strip() == str(path)


@pytest.mark.parametrize("offline", ["1", ""])
def test_without_a_network_the_answer_comes_at_once(
    program, cache: Path, tmp_path: Path, offline: str
):
    with socket.socket() as silent:
        # Its queue is full: who knocks waits without an answer.
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        knocking = [socket.socket() for _ in range(3)]
        for one in knocking:
            one.setblocking(False)
            one.connect_ex(address)
        environment = {"KERASTL_OFFLINE": offline}
        environment |= {"https_proxy": f"http://127.0.0.1:{address[1]}", "no_proxy": ""}
        began = time.perf_counter()
        done = program("weights", "fetch", "ResNet50", "candy", cwd=tmp_path, env=environment)
        seconds = time.perf_counter() - began
        for one in knocking:
            one.close()
    assert done.returncode == 1
    why = "the network is off" if offline else "there is no network"
    assert f"ResNet50, MobileNetV2 are not in {cache / 'models'} and {why}" in done.stderr
    # Two, and what a busy machine takes to start a process; TensorFlow's import takes longer.
    assert seconds < 4.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["weights", "fetch"], "Missing argument 'BACKBONE...'"),
        (["weights", "lits"], "No such command 'lits'"),
        (["weights", "path", "MobileNetV"], "Did you mean 'MobileNetV"),
        (["weights", "path", "VGG16", "--set", "options.alpha=1"], "has no option 'alpha'"),
        (["weights", "path", "VGG16", "--image-size", "8"], "a number of pixels from 32, not 8"),
    ],
)
def test_wrong_usage(program, cache: Path, tmp_path: Path, arguments: list[str], message: str):
    done = program(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_misspelt_backbone_is_told_before_the_network_is_looked_for(program, tmp_path: Path):
    for arguments in (("weights", "fetch"), ("weights", "path"), ("pretrain",)):
        done = program(*arguments, "MobilNetV2", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "Error: There is no backbone 'MobilNetV2' in keras.applications. "
            "Did you mean 'MobileNetV2'?\n"
        )
