"""Photos as people and plain programs send them: files of a form, or one file as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from kerastl.serving.opened import answer_of
from kerastl.serving.server.body import body_of
from kerastl.serving.server.limits import RefusedError, Room
from kerastl.serving.server.model import HEAT_MAP, PROBABILITIES, Model, Seen
from kerastl.serving.server.rest import require_ready

# What a photo is called that comes without a name.
_NAMELESS = "photo"
# curl says of whatever it is given by --data-binary that it is a form.
_FILE_AS_IT_IS = ("image/", "application/octet-stream", "application/x-www-form-urlencoded")


@attrs.frozen(eq=False)
class Uploads:
    """Answers files that are sent to it.

    Args:
        model: Whom to ask.
        room: What there is for the bodies of requests.
        outputs: What is asked.
    """

    model: Model
    room: Room
    outputs: tuple[str, ...] = (PROBABILITIES,)

    async def answer(self, request: Request) -> Response:
        """Return what each file shows, or why it is no photo.

        Raises:
            RefusedError: There is no file, or the request is malformed.
        """
        require_ready(self.model)
        if HEAT_MAP in self.outputs and HEAT_MAP not in self.model.outputs:
            raise RefusedError(404, "This model cannot say where it sees what.")
        async with body_of(request, self.model.limits, self.room) as body:
            files = await _files(request, body)
            seen = await self.model.see([file for _, file in files], self.outputs)
        return self._told([name for name, _ in files], seen)

    def _told(self, names: Sequence[str], seen: Seen) -> Response:
        found = [self._of_one(name, seen, number) for number, name in enumerate(names)]
        if all(seen.reasons):
            reason = seen.reasons[0] if len(names) == 1 else f"all {len(names)} files"
            return JSONResponse({"error": f"No photo: {reason}.", "predictions": found}, 400)
        return JSONResponse({"predictions": found})

    def _of_one(self, name: str, seen: Seen, number: int) -> dict[str, Any]:
        if reason := seen.reasons[number]:
            return {"name": name, "label": "", "probability": 0.0, "top": [], "error": reason}
        about = self.model.opened.about
        answer = answer_of(seen.rows[PROBABILITIES][number], about, about.most_labels)
        where = {HEAT_MAP: seen.rows[HEAT_MAP][number].tolist()} if HEAT_MAP in seen.rows else {}
        return {"name": name, **answer.as_json(), **where, "error": ""}


async def _files(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    """Return the names of files and their bytes."""
    kind = request.headers.get("content-type", "image/").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _files_of_form(request, body)
    if not kind.startswith(_FILE_AS_IT_IS):
        expected = "a form with files (multipart/form-data), or a photo (image/jpeg, ...)"
        raise RefusedError(415, f"Expected {expected}, not {kind}.")
    if not body:
        raise RefusedError(400, "Expected a photo; the body is empty.")
    return [(_NAMELESS, body)]


async def _files_of_form(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async with Request(request.scope, again).form() as form:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not files:
            raise RefusedError(400, "Expected files, as by curl -F photo=@photo.jpg; none came.")
        return [(file.filename or _NAMELESS, await file.read()) for file in files]
