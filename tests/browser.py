"""Headless Chromium, driven over the DevTools protocol through a pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest


@attrs.define
class Page:
    """A page that is open.

    Args:
        asking: Where commands are written to.
        answering: Where answers and events are read from.
        session: What it is called.
        number: Of the last command.
        trouble: What has gone wrong in it: exceptions, and what it could not load.
    """

    asking: int
    answering: int
    session: str = ""
    number: int = 0
    trouble: list[str] = attrs.field(factory=list)
    _rest: bytes = b""

    def do(self, method: str, **parameters: Any) -> Any:
        """Give a command, and return its result."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.asking, json.dumps(command).encode() + b"\0")
        while (message := self._message()).get("id") != self.number:
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.trouble.append(json.dumps(message["params"]))
        assert "error" not in message, message
        return message["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self.answering, 65536)
            assert more, "Chromium has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def value(self, expression: str) -> Any:
        """Return the value of some JavaScript."""
        result = self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return result["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until some JavaScript is true."""
        end = time.monotonic() + 60
        while not self.value(expression):
            assert time.monotonic() < end, self.value("document.body.innerText")
            time.sleep(0.05)

    def pick(self, *files: Path) -> None:
        """Pick files as a person does in the dialog."""
        root = self.do("DOM.getDocument")["root"]["nodeId"]
        found = self.do("DOM.querySelector", nodeId=root, selector="input[type=file]")
        self.do("DOM.setFileInputFiles", nodeId=found["nodeId"], files=[*map(str, files)])

    def picture(self, dark: bool = False, width: int = 1100, height: int = 800) -> bytes:
        """Return what it looks like, as PNG."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.do("Emulation.setDeviceMetricsOverride", **size)
        return base64.b64decode(self.do("Page.captureScreenshot")["data"])


@contextmanager
def page_at(address: str, folder: Path) -> Iterator[Page]:
    """Open a page while the block runs.

    Args:
        address: Where it is.
        folder: Where Chromium keeps what it keeps.
    """
    asked, asking = os.pipe()
    answering, answered = os.pipe()
    command = f'exec 3<&{asked} 4>&{answered}; exec "$@"'
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options += ["--no-first-run", f"--user-data-dir={folder}", "--remote-debugging-pipe"]
    with subprocess.Popen(
        ["bash", "-c", command, "bash", chromium(), *options],
        pass_fds=(asked, answered),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(asked)
        os.close(answered)
        try:
            yield _opened(Page(asking, answering), address)
        finally:
            process.kill()
            process.wait()
            os.close(asking)
            os.close(answering)


def _opened(page: Page, address: str) -> Page:
    target = page.do("Target.createTarget", url="about:blank")["targetId"]
    attached = page.do("Target.attachToTarget", targetId=target, flatten=True)
    page.session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Log", "DOM"):
        page.do(f"{domain}.enable")
    page.do("Page.navigate", url=address)
    page.wait_for("document.readyState === 'complete'")
    return page


def chromium() -> str:
    """Return where Chromium is; where it is missing, Debian's is installed, if that is allowed."""
    if not shutil.which("chromium") and shutil.which("apt-get") and os.geteuid() == 0:
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-q", *arguments], capture_output=True, check=False)
    found = shutil.which("chromium")
    if not found:
        pytest.skip("there is no chromium, and it cannot be installed here")
    return found
