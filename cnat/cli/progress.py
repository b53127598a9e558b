"""What is being done, for a person who waits at a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TextIO, TypeVar

T = TypeVar("T")

_ERASE = "\r\033[K"


class Progress(AbstractContextManager["Progress"]):
    """A line that says what is being done and how far it is; gone when that is done.

    Nothing is written to what is no terminal, nor before it takes long.

    Args:
        stream: where the line goes, and nothing else meanwhile.
        shown: whether there is anything to be seen of it.
        after, every: seconds until it is written first, and anew.
    """

    def __init__(
        self, stream: TextIO, *, shown: bool = True, after: float = 2.0, every: float = 0.5
    ) -> None:
        self._stream = stream
        self._shown = shown and stream.isatty()
        self._after, self._every = after, every
        self._what = ""
        self._number = 0
        self._done = threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Progress:
        if self._shown:
            self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._writer.is_alive():
            self._writer.join()

    def each(self, items: Iterable[T], what: str) -> Iterator[T]:
        """The items, counted as they are taken; `what` is done to them, as in `Ats listed`."""
        self.begin(what)
        for item in items:
            self.step()
            yield item

    def begin(self, what: str) -> None:
        self._number, self._what = 0, what

    def step(self, *_: object) -> None:
        self._number += 1

    def _write(self) -> None:
        if self._done.wait(self._after):
            return
        while not self._done.is_set():
            self._stream.write(f"{_ERASE}{self._number:,} {self._what} …")
            self._stream.flush()
            self._done.wait(self._every)
        self._stream.write(_ERASE)
        self._stream.flush()
