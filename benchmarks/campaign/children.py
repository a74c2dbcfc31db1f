"""Forked child processes that run a program of the package, with its output, exit code and memory.

A process of its own for each program would import Keras and TensorFlow each time, which takes several seconds. The
parent imports them once and runs no operation: TensorFlow starts its threads in the child.
"""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple, NoReturn

TIMEOUT = 300.0  # seconds
POLL = 0.002  # seconds between looks at a child
# Lines that TensorFlow's C++ code writes to stderr.
_TENSORFLOW_LINE = ("I0000 ", "W0000 ", "E0000 ", "WARNING: All log messages before absl")


class Outcome(NamedTuple):
    """How a child ended.

    Attributes:
        code: its exit code; negative for a signal.
        out, err: its output.
        seconds: its duration.
        peak_bytes: its largest resident memory; at least that of the parent when it forked.
        timed_out: whether it was killed because it took too long.
    """

    code: int
    out: str
    err: str
    seconds: float
    peak_bytes: int
    timed_out: bool = False

    @property
    def error_lines(self) -> list[str]:
        """Lines on stderr without those of TensorFlow's C++ code."""
        return [line for line in self.err.splitlines() if line.strip() and not line.startswith(_TENSORFLOW_LINE)]

    @property
    def last_line(self) -> str:
        return (self.error_lines or self.out.splitlines() or [""])[-1][:300]


class Child:
    """A forked process that runs a program.

    Args:
        program: called without arguments; its `SystemExit` gives the exit code.
        user: number of the user whose rights the process takes; None for the parent's.
        max_bytes: bound of its address space; None for no bound.
        stdout: path that its output goes to; by default it is kept for the `Outcome`.
    """

    def __init__(
        self,
        program: Callable[[], object],
        user: int | None = None,
        max_bytes: int | None = None,
        stdout: str | None = None,
    ):
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - read in `wait`
        self._began = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            out = self._out.fileno() if stdout is None else os.open(stdout, os.O_WRONLY)
            _run(program, out, self._err.fileno(), user, max_bytes)

    def kill(self) -> None:
        """Kills the process and the processes that it started, if they have not ended."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not made its group yet
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float = TIMEOUT, each_poll: Callable[[float], None] | None = None) -> Outcome:
        """Waits for the end of the process, which is killed after `timeout` seconds.

        Args:
            timeout: in seconds.
            each_poll: called again and again with the seconds since the start.
        """
        timed_out = False
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            seconds = time.monotonic() - self._began
            if pid:
                break
            if seconds > timeout and not timed_out:
                timed_out = True
                self.kill()
            if each_poll is not None:
                each_poll(seconds)
            time.sleep(POLL)
        return Outcome(
            os.waitstatus_to_exitcode(status),
            _read(self._out),
            _read(self._err),
            seconds,
            usage.ru_maxrss * 1024,
            timed_out,
        )


def call(program: Callable[[], object], timeout: float = TIMEOUT, **options) -> Outcome:
    """Runs a program in a forked process until it ends; options as in `Child`."""
    return Child(program, **options).wait(timeout)


def _read(file) -> str:
    with file:
        file.seek(0)
        return file.read().decode("utf-8", errors="replace")


def _run(program: Callable[[], object], out: int, err: int, user: int | None, max_bytes: int | None) -> NoReturn:
    """Runs the program as Python runs a script, and ends the process without the parent's clean-up."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
        if max_bytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        code = _exit_code(program)
        sys.stdout.flush()
    except BaseException:  # whatever happens, the child must not continue as a second parent
        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


def _exit_code(program: Callable[[], object]) -> int:
    """Calls the program; the exit code that Python gives to a script that ends in this way."""
    try:
        program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # printed as Python does at the end of a script
        traceback.print_exc()
        return 1
    return 0
