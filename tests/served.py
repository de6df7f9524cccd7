"""The installed program, serving a model on a free port while a test asks it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs


@attrs.frozen
class Served:
    """A server that is ready.

    Args:
        address: Where it is, without a slash at the end.
        port: Its number.
        process: The program.
    """

    address: str
    port: int
    process: subprocess.Popen[str]

    def stop(self) -> tuple[int, str]:
        """Stop it as a service manager does; return its exit status and what it has complained."""
        self.process.send_signal(signal.SIGTERM)
        _, complaints = self.process.communicate(timeout=60)
        return self.process.returncode, complaints


@contextmanager
def serving(model: Path, *options: str) -> Iterator[Served]:
    """Serve a model while the block runs."""
    program = [str(Path(sys.executable).parent / "kerastl"), "serve", str(model), "--port", "0"]
    with subprocess.Popen(
        [*program, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, process.communicate(timeout=60)
        try:
            yield Served(found[0], int(found[1]), process)
        finally:
            process.kill()
