"""What a person sees who waits at a terminal."""

from __future__ import annotations

import io
import threading

from cnat.cli.progress import Progress


class Screen(io.StringIO):
    """A terminal, or not, that tells when a text is written to it."""

    def __init__(self, awaited: str = "", *, terminal: bool = True) -> None:
        super().__init__()
        self._awaited = awaited
        self._terminal = terminal
        self.written = threading.Event()

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        if self._awaited in text:
            self.written.set()
        return super().write(text)


def test_what_takes_long_says_how_far_it_is_and_leaves_nothing_behind() -> None:
    screen = Screen("\r\033[K2 Ats listed …")
    with Progress(screen, after=0.0, every=0.001) as progress:
        for number in progress.each([1, 2], "Ats listed"):
            if number == 2:
                assert screen.written.wait(60)
    assert screen.getvalue().endswith("\r\033[K")


def test_what_takes_no_time_says_nothing() -> None:
    screen = Screen()
    with Progress(screen, after=60.0) as progress:
        assert list(progress.each([1, 2], "Ats listed")) == [1, 2]
    assert screen.getvalue() == ""


def test_a_pipe_is_told_nothing() -> None:
    screen = Screen(terminal=False)
    with Progress(screen, after=0.0):
        assert not screen.written.wait(0.01)
    assert screen.getvalue() == ""
