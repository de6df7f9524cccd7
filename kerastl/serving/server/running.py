"""Runs a server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket

import uvicorn

from kerastl.console import say
from kerastl.errors import UsageError, one_line
from kerastl.serving.opened import Opened
from kerastl.serving.server.application import application
from kerastl.serving.server.limits import Limits
from kerastl.serving.server.metrics import Metrics
from kerastl.serving.server.model import Model
from kerastl.serving.server.protocol import PatientProtocol


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that holds an address, before a model is opened for it.

    Args:
        host: A name or an address of this machine.
        port: Its number; 0 for one that is free.

    Raises:
        UsageError: It cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    # Of some texts it is said that they cannot be a name.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UsageError(
            f"Cannot listen at {host}:{port}: {reason}. Name another with --port or --host."
        ) from error
    return listening


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
    # uvicorn stops at these and then sends them again, to a process that is to end well.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    # It tells of each form that is none, and so does the answer.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    model = Model(opened, limits, Metrics())
    seconds = math.ceil(limits.timeout)
    config = uvicorn.Config(
        application(model, name),
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_level="info" if access_log else "error",
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=seconds,
        timeout_graceful_shutdown=seconds,
    )
    asyncio.run(_serve(model, name, uvicorn.Server(config), listening))


async def _serve(model: Model, name: str, server: uvicorn.Server, listening: socket.socket) -> None:
    async with model.working():
        address = _address(listening)
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


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
