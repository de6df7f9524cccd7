"""Where a server listens; known before TensorFlow is imported, since most of a start is that."""

from __future__ import annotations

import os
import socket

from kerastl.errors import UsageError, one_line


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
        try:
            # Elsewhere it would let two servers have one port.
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()
        except OSError:
            listening.close()
            raise
    # Of some texts it is said that they cannot be a name.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UsageError(
            f"Cannot listen at {host}:{port}: {reason}. Name another with --port or --host."
        ) from error
    return listening


def shown(listening: socket.socket) -> str:
    """Return the address as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
