from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kerastl.errors import ExportError
from kerastl.serving import litert, onnx_file
from kerastl.serving.foreign import converting
from kerastl.serving.litert import open_litert
from kerastl.serving.onnx_file import open_onnx

LOUD = """
import logging, os, sys, warnings
from kerastl.serving.foreign import quietly
logging.basicConfig(level=logging.INFO)
print("before", flush=True)
with quietly():
    print("printed")
    print("told", file=sys.stderr)
    os.system("echo from another language; echo and so >&2")
    logging.error("logged")
    warnings.warn("warned")
print("after")
logging.info("logged after")
"""


@pytest.mark.parametrize(
    ("module", "extra"),
    [("ai_edge_litert.interpreter", "litert"), ("onnxruntime", "onnx"), ("tf2onnx", "onnx")],
)
def test_what_is_not_installed_is_told(
    model, formats: Path, module: str, extra: str, monkeypatch, tmp_path: Path
):
    monkeypatch.setitem(sys.modules, module, None)
    asked = {
        "ai_edge_litert.interpreter": lambda: open_litert(formats / "model.tflite"),
        "onnxruntime": lambda: open_onnx(formats / "model.onnx"),
        "tf2onnx": lambda: onnx_file.write(model.served, tmp_path),
    }
    name = module.partition(".")[0]
    with pytest.raises(ExportError, match=rf"needs {name}: pip install 'kerastl\[{extra}\]'$"):
        asked[module]()


def test_a_conversion_that_fails_is_one_line():
    with pytest.raises(ExportError) as caught, converting("ONNX"):
        raise KeyError("first\nsecond")
    assert str(caught.value) == (
        r"The model cannot be converted to ONNX: KeyError: 'first\nsecond'."
    )


def test_a_full_disk_is_no_failed_conversion():
    with pytest.raises(OSError, match="full"), converting("ONNX"):
        raise OSError("full")


def test_what_others_print_does_not_reach_the_person():
    done = subprocess.run([sys.executable, "-c", LOUD], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["before", "after"]
    assert done.stderr.splitlines() == ["INFO:root:logged after"]


def test_converting_and_opening_say_nothing(model, capfd, tmp_path: Path):
    capfd.readouterr()
    litert.write(model.served, tmp_path, "int8", model.photos[:4])
    onnx_file.write(model.served, tmp_path)
    open_litert(tmp_path / "model.tflite").probabilities(model.photos[:3])
    open_onnx(tmp_path / "model.onnx").probabilities(model.photos[:3])
    assert capfd.readouterr() == ("", "")
