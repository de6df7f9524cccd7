from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kerastl.network import reachable

ELSEWHERE = "https://somewhere.invalid/file"


@pytest.fixture
def proxy() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_host_that_does_not_exist_is_not_reachable(monkeypatch: pytest.MonkeyPatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert not reachable(ELSEWHERE)


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_behind_a_proxy_it_is_the_proxy_that_counts(
    proxy: str, scheme: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("https_proxy", scheme + proxy)
    monkeypatch.setenv("no_proxy", "")
    assert reachable(ELSEWHERE)
    monkeypatch.setenv("no_proxy", "somewhere.invalid")
    assert not reachable(ELSEWHERE)
