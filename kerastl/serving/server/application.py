"""All that a server answers: TensorFlow Serving's interface, files, health, metrics, and a page."""

from __future__ import annotations

import time
from importlib.resources import files

import attrs
import click
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kerastl.errors import cause
from kerastl.serving.server.body import HeardOut
from kerastl.serving.server.limits import RefusedError, Room
from kerastl.serving.server.model import HEAT_MAP, PROBABILITIES, Model
from kerastl.serving.server.rest import Rest
from kerastl.serving.server.uploads import Uploads

_PATHS = ("/", "/about", "/health", "/health/live", "/metrics", "/predict", "/explain")
_VERBS = (":predict", ":classify", ":regress")
_ANY = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# The page needs nothing from elsewhere, and gets nothing.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def application(model: Model, name: str) -> ASGIApp:
    """Return the application that serves a model.

    Args:
        model: The model.
        name: The name it is served by.
    """
    room = Room(model.limits.most_bytes, "bytes")
    model.metrics.watch("kerastl_waiting_bytes", "Bytes of requests in memory.", lambda: room.taken)
    pages, explaining = _Pages(model, name), Uploads(model, room, (HEAT_MAP, PROBABILITIES))
    app = Starlette(
        routes=[
            Route("/", pages.page),
            Route("/about", pages.about),
            Route("/health", pages.health),
            Route("/health/live", pages.live),
            Route("/metrics", pages.metrics),
            Route("/predict", Uploads(model, room).answer, methods=["POST"]),
            Route("/explain", explaining.answer, methods=["POST"]),
            Route("/v1/{path:path}", Rest(model, name, room).answer, methods=_ANY),
        ],
        exception_handlers={RefusedError: _refused, HTTPException: _wrong, Exception: _failed},
    )
    return _Counted(HeardOut(app, model.limits), model)


@attrs.frozen(eq=False)
class _Pages:
    """What is told without asking the model."""

    model: Model
    name: str

    async def page(self, _: Request) -> Response:
        text = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY})

    async def about(self, _: Request) -> Response:
        about = self.model.opened.about
        told = {
            "name": self.name,
            "version": self.model.opened.number,
            "classes": about.classes,
            "image_size": about.image_size,
            "resize": about.resize,
            "multi_label": about.multi_label,
            "explains": HEAT_MAP in self.model.outputs,
            "max_size": self.model.limits.max_size,
            "licence": about.licence,
        }
        return JSONResponse(told)

    async def health(self, _: Request) -> Response:
        ready = self.model.ready
        return JSONResponse({"status": "ready" if ready else "warming up"}, 200 if ready else 503)

    async def live(self, _: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def metrics(self, _: Request) -> Response:
        return Response(self.model.metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": str(error)}, error.status, error.headers)


async def _wrong(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, text = request.url.path, f"Malformed request: {error.detail}"
    if error.status_code == 404:
        text = f"There is nothing at {path}."
    elif error.status_code == 405:
        text = f"Expected {(error.headers or {}).get('Allow')} at {path}, not {request.method}."
    return JSONResponse({"error": text}, error.status_code, error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "The server has failed; its own output says why."}, 500)


@attrs.frozen(eq=False)
class _Counted:
    """Counts requests, and answers those that fail."""

    app: ASGIApp
    model: Model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noting)
        # Starlette has answered it by now; whoever runs the server reads why.
        except Exception as error:
            click.echo(f"Unexpected {cause(error)}", err=True)
        metrics, route = self.model.metrics, _route(scope["path"])
        metrics.requests.labels(route, str(status)).inc()
        metrics.seconds.labels(route).observe(time.perf_counter() - began)


def _route(path: str) -> str:
    """Return the route of a path: of few kinds, whatever is asked for."""
    if path.startswith("/v1/"):
        return "/v1" + (path[path.rindex(":") :] if path.endswith(_VERBS) else "")
    return path if path in _PATHS else "other"
