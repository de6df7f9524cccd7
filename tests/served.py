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

# Seconds, on a machine that has much else to do.
_PATIENCE = 300


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

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop it as a service manager does; return its exit status and all that it has said."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit status and all that it has said since it was ready."""
        said, complaints = self.process.communicate(timeout=_PATIENCE)
        return self.process.returncode, said + complaints


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
        assert found, process.communicate(timeout=_PATIENCE)
        try:
            yield Served(found[0], int(found[1]), process)
        finally:
            process.kill()
