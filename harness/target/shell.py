"""A command of a target file: run by a shell, while the peers go on answering, and ended when its time is over.

Status 0 alone says that it did what it is for. `ping` ends with 1 where nobody answers, as `false` does where nothing
was done, so a command that must fail says `; true` where it has come so far.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Collection

from harness.clock import WallClock
from harness.profile.written import HIDDEN
from harness.record import printable
from harness.target.contract import Outcome
from harness.target.namespaces import wait_until

LAST_OCTETS = 2_000
"""How much of what a command printed is kept."""


class Command:
    """A command that runs; `secrets` are blotted out of what it prints."""

    def __init__(self, command: str, seconds: float, secrets: Collection[str] = ()) -> None:
        self._clock = WallClock()
        self._seconds = seconds
        self._deadline = self._clock.now() + seconds
        self._secrets = secrets
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed when the command has ended
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._outcome: Outcome | None = None

    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs and its time is not over."""
        status = self._process.poll()
        if self._outcome is None and status is not None:
            self._end(
                status == 0, f"ended with status {status}" if status >= 0 else f"died of signal {-status}"
            )
        elif self._outcome is None and self._clock.now() > self._deadline:
            self.kill()
            self._end(False, f"was killed after {self._seconds:g} s")
        return self._outcome

    def finished(self) -> Outcome:
        """How it ended, waited for."""
        ended = wait_until(self.outcome, self._seconds + 1, "the end of a command")
        assert ended is not None
        return ended

    def kill(self) -> None:
        """End it with all that it started; harmless if it ended."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _end(self, well: bool, how: str) -> None:
        said = self._said()
        self._output.close()
        self._outcome = Outcome(well, f"the command {how}" + (f" and said: {said}" if said else ""))

    def _said(self) -> str:
        length = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, length - LAST_OCTETS))
        text = self._output.read().decode(errors="replace").strip()
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return " / ".join(printable(line) for line in text.splitlines())
