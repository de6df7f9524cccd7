from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerastl.cores import cores, use_processor


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "environ", {})


def said() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.endswith("_THREADS")}


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("20000 100000", 1),
        ("6400000 100000", 8),
        ("max 100000", 8),
        ("", 8),
        ("0 0", 8),
    ],
)
def test_a_container_may_have_fewer_cores_than_the_machine(
    tmp_path: Path, quota: str, expected: int
):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores(tmp_path / "cpu.max") == expected


def test_without_a_quota_the_affinity_counts(tmp_path: Path):
    assert cores(tmp_path / "nowhere") == 8


def test_tensorflow_gets_a_thread_for_each_core_of_the_quota(tmp_path: Path):
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    use_processor(tmp_path / "cpu.max")
    assert said() == {"TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "2"}


@pytest.mark.parametrize("name", ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"])
def test_who_says_how_many_threads_there_are_is_heard(tmp_path: Path, name: str):
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    os.environ[name] = "3"
    use_processor(tmp_path / "cpu.max")
    assert said() == {name: "3"}


def test_onednn_is_used_unless_somebody_says_not_to(tmp_path: Path):
    use_processor(tmp_path / "nowhere")
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    use_processor(tmp_path / "nowhere")
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


@pytest.mark.parametrize("name", ["TF_ENABLE_ONEDNN_OPTS", "TF_OVERRIDE_GLOBAL_THREADPOOL"])
def test_importing_kerastl_says_it_before_tensorflow_begins(name: str):
    code = f"import os, kerastl; print(os.environ['{name}'])"
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, check=True)
    assert done.stdout == b"1\n"


def test_where_the_affinity_says_all_nothing_is_set(tmp_path: Path):
    use_processor(tmp_path / "nowhere")
    assert said() == {}
