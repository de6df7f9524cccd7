"""Says whether the network may be used, and whether there is one, before anything waits for it."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

OFFLINE = "KERASTL_OFFLINE"
_PATIENCE = 2.0


def is_offline() -> bool:
    """Return whether the environment variable `KERASTL_OFFLINE` forbids the network."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def reachable(url: str) -> bool:
    """Return whether the host of the URL, or the proxy on the way to it, answers in two seconds.

    Looking a name up cannot be timed out in this process, so it is done in another thread that is
    left behind where it takes too long.
    """
    import threading

    parts = urlsplit(_proxy_of(url) or url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    answered: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE).close()
        except OSError:
            return
        answered.append(True)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return bool(answered)


def _proxy_of(url: str) -> str | None:
    """Return the URL of the proxy through which downloads of that URL go, if any."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxy = getproxies().get(parts.scheme)
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
