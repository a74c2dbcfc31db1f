"""SIGINT and SIGTERM as KeyboardInterrupt, which is raised again where the first one was lost.

Python discards an exception that is raised within a destructor or a callback of a C library, so that a signal which
arrives there would not end a training.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_blocks: list[list[int]] = []  # the signals received in each open block of `signals_as_interrupts`


@contextlib.contextmanager
def signals_as_interrupts() -> Iterator[list[int]]:
    """Raises SIGINT and SIGTERM as a KeyboardInterrupt during the block; yields the list of received signals.

    SIGINT stays ignored where it is, as in a background process of a shell.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    _blocks.append(received)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _blocks.pop()


def raise_if_received() -> None:
    """Raises a KeyboardInterrupt if a signal has been received in an open block; for long loops."""
    if any(_blocks):
        raise KeyboardInterrupt
