"""A local server of files that can break off, go on, and keep count of what it was asked for."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs


@attrs.define
class Server:
    """A running server.

    Args:
        address: Where it is.
        folder: What it serves.
        most: How many bytes of a file it sends before it breaks off.
        ranges: Whether it can go on in the midst of a file.
        lengths: Whether it tells how long a file is.
        asked: The `Range` of each request so far.
    """

    address: str
    folder: Path
    most: int = 2**40
    ranges: bool = True
    lengths: bool = True
    asked: list[str | None] = attrs.field(factory=list)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve a folder while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server("", folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            server.asked.append(asked)
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            content, begun = path.read_bytes(), 0
            found = re.fullmatch(r"bytes=(\d+)-", asked or "")
            if found and server.ranges:
                begun = int(found[1])
                if begun >= len(content):
                    self.send_error(416)
                    return
            self.send_response(206 if begun else 200)
            if begun:
                place = f"bytes {begun}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", place)
            if server.lengths:
                self.send_header("Content-Length", str(len(content) - begun))
            self.end_headers()
            self.wfile.write(content[begun : begun + server.most])

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        server.address = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield server
        running.shutdown()
