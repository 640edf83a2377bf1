"""Watches devices live: listens, judges, tells each alarm, keeps its evidence, until it is stopped."""

import contextlib
import selectors
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType
from typing import Protocol

from harness.capture.frame import Frame
from harness.capture.pcapng import Writer
from harness.clock import Clock
from harness.oracle.vigil import Alarm, Vigil

LOOK_EVERY_S = 1.0
AT_ONCE = 4_096
"""How many frames are taken in between two looks at what else is to be done."""
MOST_EVIDENCE = 1_000
"""How many captures are kept: a disk must last for days, too."""
COMMAND_S = 30.0
"""How long the command of an alarm may take."""
CLOSING_S = 5.0
"""How long the commands that wait are waited for when the watch has ended; the one that runs has its own time."""
WAITING_COMMANDS = 100
"""How many alarms may wait for the command of an earlier one; further ones are told and kept without."""


class Source(Protocol):
    """What is listened to."""

    interface: str

    def fileno(self) -> int:
        """For waiting until something came."""
        ...

    def frames(self, most: int) -> list[Frame]:
        """What came since the last call."""
        ...

    def drops(self) -> int:
        """How many packets were lost."""
        ...

    def outage(self) -> str:
        """A sentence on what keeps it from hearing, once; empty: nothing new."""
        ...


class Watch:
    """Lets a vigil see what a source hears, and tells its alarms with the capture that shows each of them."""

    def __init__(
        self,
        source: Source,
        vigil: Vigil,
        clock: Clock,
        tell: Callable[[Alarm, Path | None], None],
        complain: Callable[[str], None],
    ) -> None:
        self._source = source
        self._vigil = vigil
        self._clock = clock
        self._tell = tell
        self._complain = complain
        self._evidence: Path | None = None
        self._kept = 0
        self._full = False
        self._latest: tuple[tuple[Frame, ...], Path] | None = None
        self._stopped, self._stopper = socket.socketpair()

    def keeping_evidence(self, directory: Path) -> None:
        """The frames of each alarm go there, into at most MOST_EVIDENCE files with those of earlier watches."""
        self._evidence = directory
        numbers = (each.name[:4] for each in directory.glob("[0-9][0-9][0-9][0-9]-*.pcapng"))
        self._kept = max(map(int, numbers), default=0)

    def run(self, seconds: float | None = None) -> None:
        """Watch until `stop`, or for so long; at last judge what is left."""
        self._vigil.began = began = self._clock.now()
        end = None if seconds is None else began + seconds
        next_look = began + LOOK_EVERY_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._source.fileno(), selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while end is None or self._clock.now() < end:
                until = next_look if end is None else min(next_look, end)
                ready = selector.select(max(0.0, until - self._clock.now()))
                if any(key.fileobj is self._stopped for key, _ in ready):
                    break
                self._take()
                if self._clock.now() >= next_look:
                    self._look()
                    next_look = self._clock.now() + LOOK_EVERY_S
        self._take()
        self._look(at_last=True)
        self._vigil.ended = self._clock.now()

    def stop(self) -> None:
        """Make `run` come to its end; may be called from a signal handler."""
        with contextlib.suppress(OSError):
            self._stopper.send(b"\0")

    @contextlib.contextmanager
    def obeying_signals(self) -> Iterator[None]:
        """While this holds, SIGINT and SIGTERM end the watch."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def close(self) -> None:
        """Let go of what `stop` needs."""
        self._stopped.close()
        self._stopper.close()

    def _take(self) -> None:
        for frame in self._source.frames(AT_ONCE):
            self._vigil.take(frame)

    def _look(self, *, at_last: bool = False) -> None:
        if outage := self._source.outage():
            self._complain(outage)
        self._vigil.lost = self._source.drops()
        for alarm in self._vigil.look(self._clock.now(), at_last=at_last):
            self._tell(alarm, self._keep(alarm))

    def _keep(self, alarm: Alarm) -> Path | None:
        """The capture that shows an alarm: its frames have the numbers that the finding names."""
        if self._latest is not None and self._latest[0] is alarm.frames:
            return self._latest[1]  # one judgement found both
        if self._evidence is None or self._kept >= MOST_EVIDENCE:
            return None
        path = self._evidence / f"{self._kept + 1:04}-{alarm.peer.replace(':', '-')}.pcapng"
        try:
            self._write(path, alarm)
        except OSError as why:
            with contextlib.suppress(OSError):
                path.unlink()
            self._complain_of_disk(why)
            return None
        self._kept += 1
        self._full = False
        self._latest = alarm.frames, path
        return path

    def _complain_of_disk(self, why: OSError) -> None:
        """Once, until something can be kept again: alarms are told all the same."""
        if not self._full:
            self._complain(f"no capture can be kept in {self._evidence}: {why.strerror}")
        self._full = True

    def _write(self, path: Path, alarm: Alarm) -> None:
        with Writer(path, None, self._source.interface) as writer:
            for frame in alarm.frames:
                writer.frame(frame.time, frame.octets)
            writer.close(None, self._vigil.lost or None)  # what passed before is not known either


class AlarmCommand:
    """Runs a command for each alarm, which is on its standard input; one after another, while the watch goes on."""

    def __init__(self, words: Sequence[str], complain: Callable[[str], None]) -> None:
        self._words = list(words)
        self._complain = complain
        self._one_by_one = ThreadPoolExecutor(1)
        self._waiting: set[Future[None]] = set()

    def __call__(self, line: str) -> None:
        """Run it for this alarm, unless too many wait for it already."""
        if len(self._waiting) >= WAITING_COMMANDS:
            self._complain(f"the command is too slow: not run for an alarm ({WAITING_COMMANDS} wait)")
            return
        submitted = self._one_by_one.submit(self._run, line)
        self._waiting.add(submitted)
        submitted.add_done_callback(self._waiting.discard)

    def close(self) -> None:
        """Wait for those that are not done, for a while; what is left then is given up."""
        _, left = wait(set(self._waiting), CLOSING_S)
        given_up = sum(each.cancel() for each in left)
        if given_up:
            self._complain(f"the command is too slow: not run for {given_up} alarms")
        self._one_by_one.shutdown()

    def _run(self, line: str) -> None:
        try:
            done = subprocess.run(
                self._words,
                input=line.encode(),
                timeout=COMMAND_S,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as why:
            self._complain(f"the command of an alarm: {why}")
        else:
            if done.returncode:
                self._complain(f"the command of an alarm ended with status {done.returncode}")
