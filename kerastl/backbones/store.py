"""Where weights files are: shipped with kerastl, in Keras's cache, or to be fetched into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from kerastl.backbones.adapter import Published, graph
from kerastl.backbones.download import Advance, download
from kerastl.backbones.manifest import described, read_manifest
from kerastl.console import say
from kerastl.errors import WeightsError
from kerastl.files import keras_folder
from kerastl.live import downloads
from kerastl.network import is_offline, reachable
from kerastl.recipe import Backbone

_AT_ONCE = 4
_SHIPPED = Path(__file__).with_name("shipped")


class UnavailableError(Exception):
    """A name of weights stands for a file that is not here and cannot be fetched."""


def shipped(backbone: Backbone) -> Path:
    """Return the file of the source model that kerastl ships for a backbone.

    Raises:
        UnavailableError: It ships none.
    """
    for path in shipped_files():
        manifest = read_manifest(path)
        if manifest and manifest.is_for(backbone):
            return path
    named = described(backbone.name, backbone.options)
    raise UnavailableError(f"kerastl ships no procedural weights for {named}")


def shipped_files() -> list[Path]:
    """Return the weights files that are part of kerastl."""
    return sorted(_SHIPPED.glob("*.weights.h5"))


def published_for(backbone: Backbone) -> Published:
    """Return the file that Keras offers for a backbone, which its constructor alone knows.

    Raises:
        WeightsError: It offers none.
        UsageError: There is no such backbone.
    """
    published = graph(backbone)[1]
    if published is None:
        raise WeightsError(_none_published(backbone) + ".")
    return published


def cached_or_fetched(backbone: Backbone, published: Published | None) -> Path:
    """Return the file of the ImageNet weights of a backbone, in Keras's cache.

    Raises:
        UnavailableError: It is neither there nor can it be fetched.
    """
    if published is None:
        raise UnavailableError(_none_published(backbone))
    cached = keras_folder() / published.file
    if cached.is_file():
        return cached
    try:
        with downloads() as bars:
            return fetch(published, bars(published.file))
    except WeightsError as error:
        reason = str(error).removesuffix(".")
        raise UnavailableError(reason[:1].lower() + reason[1:]) from error


def fetch_all(some: Iterable[Published]) -> Iterator[Path | WeightsError]:
    """Fetch several files at once into Keras's cache; yield for each its path, or why not."""
    stopped = Event()

    def fetched(one: Published, advance: Advance) -> Path | WeightsError:
        def advance_or_stop(done: int, total: int) -> None:
            if stopped.is_set():
                raise WeightsError(f"{one.file} was broken off; it will be gone on with.")
            advance(done, total)

        try:
            return fetch(one, advance_or_stop)
        except WeightsError as error:
            return error

    with downloads() as bars, ThreadPoolExecutor(_AT_ONCE) as threads:
        jobs = [threads.submit(fetched, one, bars(one.file)) for one in some]
        try:
            yield from (job.result() for job in jobs)
        finally:
            # After Ctrl-C nothing is worth waiting for.
            stopped.set()
            threads.shutdown(cancel_futures=True)


def fetch(published: Published, advance: Advance) -> Path:
    """Fetch a file into Keras's cache unless it is there, and return its path.

    Args:
        published: The file.
        advance: Is told how many bytes there are by now, and how many there will be.

    Raises:
        WeightsError: It cannot be had; where there is no network, that is told in two seconds.
    """
    target = keras_folder() / published.file
    if target.is_file():
        return target
    missing = f"The ImageNet weights {published.file} are not in {target.parent}"
    if is_offline():
        raise WeightsError(f"{missing} and the network is off.")
    if not reachable(published.url):
        raise WeightsError(f"{missing} and there is no network to fetch them.")
    say(f"Downloading {published.file} to {target.parent}")
    download(published.url, target, published.hash, advance)
    return target


def _none_published(backbone: Backbone) -> str:
    named = described(backbone.name, backbone.options)
    return f"Keras has no ImageNet weights for {named} at {backbone.image_size}"
