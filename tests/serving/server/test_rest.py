"""The interface of TensorFlow Serving: the server beside the SavedModel that it would serve."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tensorflow as tf

from kerastl.data.decoding import decode_file
from kerastl.serving.about import NO_PHOTO
from served import Served, serving

SIZE = 32
FILES = ("serving_default", "embed", "explain")


@pytest.fixture(scope="module")
def server(finished) -> Iterator[Served]:
    directory, _ = finished
    with serving(directory, "--max-batch", "8") as served:
        yield served


@pytest.fixture(scope="module")
def saved_model(finished) -> Any:
    directory, _ = finished
    loaded = tf.saved_model.load(str(directory / "export" / "colors" / "1"))
    # Without it, what its signatures need would be gone.
    loaded.signatures["serving_default"].keeps = loaded
    return loaded.signatures


@pytest.fixture(scope="module")
def files(photos: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(photos.glob("*/*_0[0-3].jpg"))]


def coded(file: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(file).decode()}


def ask(server: Served, question: Any, status: int = 200, name: str = "colors") -> Any:
    path = f"{server.address}/v1/models/{name}:predict"
    given = {"content": question} if isinstance(question, bytes) else {"json": question}
    answer = httpx.post(path, timeout=60, **given)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def values_of(tensor: tf.Tensor) -> Any:
    values = tensor.numpy()
    return np.vectorize(bytes.decode)(values) if values.dtype == object else values


def same(found: Any, expected: tf.Tensor) -> None:
    values = values_of(expected)
    if values.dtype.kind == "U":
        np.testing.assert_array_equal(np.array(found), values)
    else:
        np.testing.assert_allclose(np.array(found, np.float32), values, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("signature", FILES)
def test_files_are_answered_as_by_the_saved_model(server, saved_model, files, signature: str):
    given = [*files, b"no photo"]
    expected = saved_model[signature](photos=tf.constant(given))
    question = {"signature_name": signature, "inputs": {"photos": [coded(file) for file in given]}}
    outputs = ask(server, question)["outputs"]
    assert outputs.keys() == expected.keys()
    # The reason is told more precisely than a graph can.
    assert values_of(expected.pop("error")).tolist() == [""] * len(files) + [NO_PHOTO]
    assert outputs.pop("error") == [""] * len(files) + ["not an image"]
    for name in expected:
        same(outputs[name], expected[name])


@pytest.mark.parametrize(("signature", "kind"), [("image", np.float32), ("image_uint8", np.uint8)])
def test_pixels_are_answered_as_by_the_saved_model(server, saved_model, files, signature, kind):
    pixels = np.stack([decode_file(file, SIZE, "squash") for file in files[:3]]).astype(kind)
    expected = saved_model[signature](images=tf.constant(pixels))
    question = {"signature_name": signature, "instances": pixels.tolist()}
    rows = ask(server, question)["predictions"]
    assert [row.keys() for row in rows] == [expected.keys()] * 3
    for name, values in expected.items():
        same([row[name] for row in rows], values)


def test_rows_and_columns_are_shaped_as_tensorflow_serving_shapes_them(server, files):
    one, other = map(coded, files[:2])
    rows = ask(server, {"instances": [one, other]})["predictions"]
    named = {"instances": [{"photos": one}, {"photos": other}]}
    assert ask(server, named)["predictions"] == rows
    columns = ask(server, {"inputs": [one, other]})["outputs"]
    assert ask(server, {"inputs": {"photos": [one, other]}})["outputs"] == columns
    assert [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ] == rows
    assert isinstance(rows[0]["label"], str)
    assert isinstance(rows[0]["probability"], float)


def test_it_is_told_apart_by_version(server, files):
    question = {"instances": [coded(files[0])]}
    assert ask(server, question, name="colors/versions/1") == ask(server, question)
    told = ask(server, question, 404, name="colors/versions/2")
    assert told == {"error": "There is no version 2 of 'colors'; there is 1."}
    assert "there is 'colors'" in ask(server, question, 404, name="candy")["error"]


@pytest.mark.slow
def test_an_export_has_its_number_and_any_name(finished, tmp_path: Path, server, files):
    directory, _ = finished
    shutil.copytree(directory / "export" / "colors" / "1", tmp_path / "mine" / "7")
    question = {"signature_name": "explain", "instances": [coded(file) for file in files]}
    with serving(tmp_path / "mine", "--name", "other") as other:
        rows = ask(other, question, name="other/versions/7")["predictions"]
        assert ask(other, question, 404, name="other/versions/1")
    for row, expected in zip(rows, ask(server, question)["predictions"], strict=True):
        assert row["label"] == expected["label"]
        np.testing.assert_allclose(row["heat_map"], expected["heat_map"], atol=1e-3)


def test_many_at_once_are_answered_as_one_at_a_time(server, files):
    questions = [{"instances": [coded(file)]} for file in [*files, b"no photo"] * 4]
    alone = [ask(server, question)["predictions"][0] for question in questions[: len(files) + 1]]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(lambda question: ask(server, question), questions))
    for number, answer in enumerate(together):
        (row,), expected = answer["predictions"], alone[number % len(alone)]
        assert (row["label"], row["error"]) == (expected["label"], expected["error"])
        np.testing.assert_allclose(row["probabilities"], expected["probabilities"], atol=1e-5)
    largest = httpx.get(f"{server.address}/metrics").text
    alone_in_batch = _metric(
        largest, 'kerastl_batch_photos_bucket{le="1.0",output="probabilities"}'
    )
    assert alone_in_batch < _metric(largest, 'kerastl_batch_photos_count{output="probabilities"}')


def _metric(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (b"", "no JSON came"),
        (b'{"instances": [', "no JSON came"),
        (b"\xff\xfe\xff", "no JSON came"),
        (b"[" * 100_000, "nested too deeply"),
        ([1], "expected a JSON object, not a list"),
        ({}, "expected one of 'inputs' and 'instances', not 0"),
        ({"inputs": [], "instances": []}, "not 2"),
        ({"signature_name": 1, "instances": [1]}, "must be a string"),
        (
            {"signature_name": "classify", "instances": [1]},
            "it has serving_default, image, image_uint8, embed, explain",
        ),
        ({"instances": []}, "a list with something in it"),
        ({"instances": {"b64": ""}}, "a list with something in it"),
        ({"instances": [1]}, 'expected {"b64": ...} at item 0, not a number'),
        ({"instances": [None]}, "not null"),
        ({"instances": [{"b64": "#"}]}, "item 0 is no base64"),
        ({"instances": [{"b64": "ä"}]}, "item 0 is no base64"),
        ({"instances": [{"b64": ""}, {"photos": {"b64": ""}}]}, "an object came at item 1"),
        ({"instances": [{"photo": {"b64": ""}}]}, "an object of 'photos' alone at item 0"),
        ({"inputs": {"photo": []}}, "lacks the input 'photos'"),
        ({"inputs": {"b64": ""}}, "expected a list of 'photos', not an object"),
        ({"signature_name": "image", "instances": [[1, 2], [3]]}, "of different lengths"),
        (
            {"signature_name": "image", "instances": [[1, 2]]},
            "expected numbers [photos, 32, 32, 3]",
        ),
        ({"signature_name": "image", "inputs": [[[["a"] * 3] * 32] * 32]}, "numbers alone"),
        ({"signature_name": "image", "inputs": [[[[1e300] * 3] * 32] * 32]}, "numbers alone"),
        ({"signature_name": "image_uint8", "inputs": [[[[256] * 3] * 32] * 32]}, "0..255"),
        ({"signature_name": "image_uint8", "inputs": [[[[0.5] * 3] * 32] * 32]}, "0..255"),
    ],
)
def test_what_is_malformed_is_told(server, question: Any, told: str):
    error = ask(server, question, 400)["error"]
    assert error.startswith("Malformed request: ")
    assert told in error
    assert "\n" not in error


def test_text_and_nothing_are_no_photos(server):
    rows = ask(server, {"instances": ["text", {"b64": ""}]})["predictions"]
    assert [row["label"] for row in rows] == ["", ""]
    assert all(row["error"] for row in rows)
    assert ask(server, {"inputs": []})["outputs"]["label"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/colors:predict", 405),
        ("POST", "/v1/models/colors", 405),
        ("DELETE", "/v1/models/colors", 405),
        ("GET", "/v1/models/other", 404),
        ("GET", "/v1/models/colors/versions/2/metadata", 404),
        ("GET", "/v1/models/colors/versions/x", 404),
        ("GET", "/v1/models", 404),
        ("POST", "/v1/models/colors:guess", 404),
        ("POST", "/v1/models/colors:classify", 400),
    ],
)
def test_what_is_not_there_is_told(server, method: str, path: str, status: int):
    answer = httpx.request(method, server.address + path)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}


def test_status_and_metadata_are_those_of_tensorflow_serving(server, saved_model):
    model_pb = pytest.importorskip("tensorflow_serving.apis.get_model_status_pb2")
    from google.protobuf import json_format
    from tensorflow.core.framework import types_pb2
    from tensorflow_serving.apis import get_model_metadata_pb2

    path = f"{server.address}/v1/models/colors"
    answer = httpx.get(path).json()
    status = json_format.ParseDict(answer, model_pb.GetModelStatusResponse())
    (version,) = status.model_version_status
    assert (version.version, version.state, version.status.error_code) == (1, version.AVAILABLE, 0)
    kept = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
    told = json_format.MessageToDict(status, **kept)
    told["model_version_status"][0]["status"] |= {"error_code": "OK"}
    assert told == answer
    # It is written in two pieces there, since one of them is of any type.
    answer = httpx.get(f"{path}/versions/1/metadata").json()
    assert answer["model_spec"] == {"name": "colors", "signature_name": "", "version": "1"}
    signatures = json_format.ParseDict(
        answer["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap()
    ).signature_def
    assert signatures.keys() == saved_model.keys()
    for name, signature in signatures.items():
        into = saved_model[name].structured_input_signature[1]
        for ours, theirs in (
            (signature.inputs, into),
            (signature.outputs, saved_model[name].structured_outputs),
        ):
            assert ours.keys() == theirs.keys()
            for key, spec in theirs.items():
                assert ours[key].dtype == spec.dtype.as_datatype_enum, types_pb2.DataType
                shape = [dim.size for dim in ours[key].tensor_shape.dim]
                assert (
                    tf.TensorShape([None if size == -1 else size for size in shape]) == spec.shape
                )
