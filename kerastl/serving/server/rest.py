"""TensorFlow Serving's REST interface, of one model and one version of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kerastl.serving.server.body import body_of
from kerastl.serving.server.limits import RefusedError, Room, busy
from kerastl.serving.server.model import Model
from kerastl.serving.server.signatures import Shape, named, shapes_of, signatures_of
from kerastl.serving.server.tensors import read

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<number>\d+))?(?P<verb>[:/][a-z]+)?"
)
_STATUS, _METADATA, _PREDICT = "", "/metadata", ":predict"
_OF_EXAMPLES = (":classify", ":regress")


@attrs.frozen(eq=False)
class Rest:
    """Answers what comes in below `/v1/`.

    Args:
        model: Whom to ask.
        name: The name it is served by.
        room: What there is for the bodies of requests.
    """

    model: Model
    name: str
    room: Room

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request.

        Raises:
            RefusedError: There is nothing there, or the request is malformed.
        """
        path = request.scope["path"]
        found = _PATH.fullmatch(path)
        verb = (found["verb"] or _STATUS) if found else ""
        if not found or verb not in (_STATUS, _METADATA, _PREDICT, *_OF_EXAMPLES):
            raise RefusedError(404, f"There is nothing at {path}.")
        self._require_model(found["name"], found["number"])
        self._require_method(request.method, "POST" if verb.startswith(":") else "GET")
        if verb in _OF_EXAMPLES:
            raise RefusedError(400, f"The model's signatures are for {_PREDICT}, not {verb}.")
        if verb == _STATUS:
            return JSONResponse(self._status())
        require_ready(self.model)
        return await self._predict(request) if verb == _PREDICT else JSONResponse(self._metadata())

    def _require_model(self, name: str, number: str | None) -> None:
        ours = str(self.model.opened.number)
        if name != self.name:
            raise RefusedError(404, f"There is no model {name!r}; there is {self.name!r}.")
        if number is not None and number.lstrip("0") != ours.lstrip("0"):
            raise RefusedError(404, f"There is no version {number} of {name!r}; there is {ours}.")

    def _require_method(self, method: str, expected: str) -> None:
        if method != expected and not (method == "HEAD" and expected == "GET"):
            text = f"Expected {expected} here, not {method}."
            raise RefusedError(405, text, {"Allow": expected})

    async def _predict(self, request: Request) -> Response:
        model, limits = self.model, self.model.limits
        about = model.opened.about
        async with body_of(request, limits, self.room) as body:
            known = signatures_of(model)
            # It may take a while: where files are decoded, nobody else has to wait for it.
            asked = await model.decoding(read, body, known, about.image_size)
            seen = await model.see(asked.photos, asked.signature.outputs)
            return JSONResponse(asked.answer(named(asked.signature, seen, about)))

    def _status(self) -> dict[str, Any]:
        status = {
            "version": str(self.model.opened.number),
            "state": "AVAILABLE" if self.model.ready else "LOADING",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return {"model_version_status": [status]}

    def _metadata(self) -> dict[str, Any]:
        number = str(self.model.opened.number)
        signatures = signatures_of(self.model)
        defined = {name: self._signature(name) for name in signatures}
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": number},
            "metadata": {"signature_def": {"signature_def": defined}},
        }

    def _signature(self, name: str) -> dict[str, Any]:
        into, out = shapes_of(signatures_of(self.model)[name], self.model)
        tensor: Callable[[str], str] = f"{name}_{{}}:0".format
        return {
            "inputs": {key: _tensor(tensor(key), *value) for key, value in into.items()},
            "outputs": {key: _tensor(tensor(key), *value) for key, value in out.items()},
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }


def require_ready(model: Model) -> None:
    """Make sure that a model is warm.

    Raises:
        RefusedError: It is not, yet.
    """
    if not model.ready:
        raise busy("The model is warming up; come again.")


def _tensor(name: str, kind: str, shape: Shape) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in shape]
    return {
        "dtype": kind,
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
        "name": name,
    }
