"""Runs a server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket

import uvicorn

from kerastl.console import say
from kerastl.serving.opened import Opened
from kerastl.serving.server.address import shown
from kerastl.serving.server.application import application
from kerastl.serving.server.limits import Limits
from kerastl.serving.server.metrics import Metrics
from kerastl.serving.server.model import Model
from kerastl.serving.server.protocol import PatientProtocol


def serve(
    opened: Opened, name: str, listening: socket.socket, limits: Limits, access_log: bool = False
) -> None:
    """Serve a model until SIGTERM or SIGINT, and answer then what is under way.

    Args:
        opened: The model.
        name: The name it is served by.
        listening: Where requests come in.
        limits: How much at once, and for how long.
        access_log: Whether a line is written for each request.
    """
    # It tells of each form that is none, and so does the answer.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    model = Model(opened, limits, Metrics())
    seconds = math.ceil(limits.timeout)
    config = uvicorn.Config(
        application(model, name),
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=seconds,
        timeout_graceful_shutdown=seconds,
    )
    # Of what uvicorn tells of itself errors are enough.
    logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    server = uvicorn.Server(config)
    # uvicorn stops at these and then sends them again, to a process that is to end well.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    asyncio.run(_serve(model, name, server, listening))


async def _serve(model: Model, name: str, server: uvicorn.Server, listening: socket.socket) -> None:
    async with model.working():
        address = shown(listening)
        serving = asyncio.create_task(server.serve([listening]))
        warming = asyncio.create_task(model.warm_up())
        await asyncio.wait([serving, warming], return_when=asyncio.FIRST_COMPLETED)
        if warming.done() and not warming.exception():
            say(f"Serving {name} at {address}/ and, as TensorFlow Serving does, {address}/v1")
        else:
            server.should_exit = True
        await serving
    # Where it has failed, that is told; where it was stopped meanwhile, it has not.
    if warming.done():
        warming.result()
