"""The sans-IO responder on real sockets, with a control socket and a log, until it is stopped.

A line to the control socket is `{"do": "show"}`, `{"do": "provoke", "trigger": NAME}`, `{"do": "clear"}`,
`{"do": "reload"}` or `{"do": "stop"}`; each is answered by one line with `"ok"` and what came of it.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from harness.bench.connections import Connections, Listener
from harness.bench.control import Control
from harness.bench.eventlog import EventLog
from harness.bench.keylog import KeyLog
from harness.bench.links import BIGGEST, Device, told
from harness.bench.ports import Port, Ports
from harness.bench.updown import SaOutcome, UpAndDown
from harness.clock import Clock
from harness.codes import Trigger
from harness.profile import Configuration
from harness.responder.state import Sa
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint

STOP_WAIT_S = 3.0
"""How long a daemon that was stopped waits for the answers to its Deletes."""
ORDERS = "show, provoke with a trigger, clear, reload and stop"


class ServedDevice(Device, Protocol):
    """A device that can list its SAs, tell their keys, and be set up otherwise."""

    def all(self) -> Iterable[Sa]:
        """Every SA."""
        ...

    def show(self, now: float) -> list[dict[str, Any]]:
        """Every SA as plain data."""
        ...

    def reconfigure(self, configuration: Configuration, now: float) -> SaOutcome:
        """Be set up otherwise from now on."""
        ...

    def receive(self, datagram: Datagram, now: float) -> SaOutcome:
        """Take one datagram in."""
        ...

    def wake(self, now: float) -> SaOutcome:
        """Do what is due."""
        ...

    def provoke(self, trigger: Trigger, now: float) -> SaOutcome:
        """Let a local event happen."""
        ...

    def secrets_of(self, outcome: Any) -> Iterable[dict[str, Any]]:
        """The keys of the SAs that the event made or changed, as evidence carries them."""
        ...


class Refusal(Exception):
    """A configuration that can't be taken; the sentence says file, line and reason."""


class Daemon:
    """Serves one device on its ports until it is stopped.

    `reread` gives the configuration as it stands on file now, or raises Refusal.
    """

    def __init__(
        self,
        device: ServedDevice,
        ports: Iterable[Port],
        clock: Clock,
        control: Path | None = None,
        *,
        tcp: Iterable[Listener] = (),
        keys: KeyLog | None = None,
        log: EventLog | None = None,
        reread: Callable[[], Configuration] | None = None,
        stop_wait_s: float = STOP_WAIT_S,
    ) -> None:
        self._device = device
        self._ports = Ports(ports)
        self._clock = clock
        self._keys = keys
        self._log = log
        self._reread = reread
        self._stop_wait_s = stop_wait_s
        self._selector = selectors.DefaultSelector()
        self._connections = Connections(tcp, self._selector, self._take_message, clock.now)
        self._control = None if control is None else Control(control, self._selector, self._obey)
        self._up_and_down = UpAndDown()
        self._stopping = self._hurrying = False
        self._end: float | None = None
        for port in self._ports.all:
            self._watch(port.opened, partial(self._take, port))
        self._pending: list[Callable[[], object]] = []
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._watch(self._woken, self._hear_waker)

    def run(self) -> None:
        """Serve until `stop`, then tell the peers; at last every socket is closed and the control path is gone."""
        self._tell("started", listening=[str(each) for each in self._listening()])
        try:
            while not self._finished():
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                self._wake_if_due()
        finally:
            self._close()

    def stop_at_end_of(self, descriptor: int) -> None:
        """Stop when this descriptor comes to its end: a pipe from a parent, however the parent dies."""

        def heard() -> None:
            if not os.read(descriptor, BIGGEST):
                self._selector.unregister(descriptor)
                self.stop()

        try:
            self._selector.register(descriptor, selectors.EVENT_READ, heard)
        except PermissionError:
            self.stop()  # a file, not a pipe: its end is always there

    def stop(self) -> None:
        """Make `run` come to its end; said twice, at once. May be called from a signal handler or another thread."""
        self._hurrying = self._stopping
        self._stopping = True
        self._wake_up()

    def reload(self) -> None:
        """Read the configuration again, at the next turn; may be called from a signal handler."""
        self._pending.append(self._reload)
        self._wake_up()

    @contextlib.contextmanager
    def obeying_signals(self) -> Iterator[None]:
        """While this holds, SIGINT and SIGTERM stop the daemon cleanly, and SIGHUP has it read its configuration again."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        def reload(_number: int, _frame: FrameType | None) -> None:
            self.reload()

        handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: reload}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _listening(self) -> Iterator[Port | Endpoint]:
        yield from self._ports.all
        yield from (listener.endpoint for listener in self._connections.listeners)

    def _finished(self) -> bool:
        """Whether the end has come: once stopped, when every Delete is answered, or has been waited for long enough."""
        if not self._stopping:
            return False
        now = self._clock.now()
        if self._end is None:
            self._end = now + self._stop_wait_s
            self._tell("stopping")
            self._emit(self._device.provoke(Trigger.INTERFACE_DOWN, now))
        waits = any(sa.closing for sa in self._device.all())
        return self._hurrying or now >= self._end or not waits

    def _patience(self) -> float | None:
        wanted = (self._device.next_wake, self._end, self._connections.next_sweep)
        moments = [moment for moment in wanted if moment is not None]
        return max(0.0, min(moments) - self._clock.now()) if moments else None

    def _wake_if_due(self) -> None:
        due, now = self._device.next_wake, self._clock.now()
        if due is not None and due <= now:
            self._emit(self._device.wake(now))
        sweep = self._connections.next_sweep
        if sweep is not None and sweep <= now:
            used = {(sa.local, sa.remote) for sa in self._device.all() if sa.protocol == TCP_STREAM}
            self._connections.sweep(used)

    def _take(self, port: Port) -> None:
        for datagram in port.waiting():
            self._take_message(datagram)

    def _take_message(self, datagram: Datagram) -> bool:
        """Give a datagram, or a message of a stream, to the device; whether it was of use."""
        now = self._clock.now()
        outcome = self._device.receive(datagram, now)
        if self._log is not None:
            self._log.datagram("received", datagram, now)
        self._emit(outcome, datagram)
        return outcome.drop is None

    def _emit(self, outcome: SaOutcome, asked: Datagram | None = None) -> None:
        """Send; the keys are written first, so whoever sees the datagram can open it."""
        if self._keys is not None:
            self._keys.write(self._device.secrets_of(outcome))
        for datagram in outcome.send:
            way_out = self._connections if datagram.protocol == TCP_STREAM else self._ports
            way_out.send(datagram)
        if self._log is not None:
            self._record(self._log, outcome, asked)

    def _record(self, log: EventLog, outcome: SaOutcome, asked: Datagram | None) -> None:
        now = self._clock.now()
        for datagram in outcome.send:
            answers = asked is not None and datagram.destination == asked.source
            log.datagram("answered" if answers else "sent", datagram, now)
        if outcome.drop is not None:
            log.noise("dropped", now, why=outcome.drop, **({"from": str(asked.source)} if asked else {}))
        for event, facts in self._up_and_down.since(outcome):
            log.matter(event, now, **facts, events=outcome.events)

    def _tell(self, event: str, **facts: Any) -> None:
        if self._log is not None:
            self._log.matter(event, self._clock.now(), **facts)

    def _watch(self, opened: socket.socket, ready: Callable[[], object]) -> None:
        self._selector.register(opened, selectors.EVENT_READ, ready)

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _hear_waker(self) -> None:
        self._woken.recv(BIGGEST)
        while self._pending:
            self._pending.pop(0)()

    def _obey(self, order: Mapping[str, Any]) -> dict[str, Any]:
        match order:
            case {"do": "show"}:
                return {"ok": True, "sas": self._device.show(self._clock.now())}
            case {"do": "provoke", "trigger": str(name)} if name in set(Trigger):
                return self._provoke(Trigger(name))
            case {"do": "provoke"}:
                return {"ok": False, "why": f"the triggers are {', '.join(Trigger)}"}
            case {"do": "clear"}:
                return self._provoke(Trigger.CLEAR)
            case {"do": "reload"}:
                return self._reload()
            case {"do": "stop"}:
                self.stop()
                return {"ok": True, "outcome": "stopping"}
            case _:
                return {"ok": False, "why": f'the orders are {ORDERS}, as in {{"do": "show"}}'}

    def _provoke(self, trigger: Trigger) -> dict[str, Any]:
        outcome = self._device.provoke(trigger, self._clock.now())
        self._tell("provoked", trigger=str(trigger), outcome=told(outcome))
        self._emit(outcome)
        return {"ok": True, "outcome": told(outcome)}

    def _reload(self) -> dict[str, Any]:
        """Take the configuration as it stands on file; one that is refused changes nothing."""
        if self._reread is None:
            return {"ok": False, "why": "it was started without a configuration file"}
        try:
            configuration = self._reread()
        except Refusal as why:
            self._tell("configuration refused", why=str(why))
            return {"ok": False, "why": str(why)}
        outcome = self._device.reconfigure(configuration, self._clock.now())
        self._tell("reconfigured", outcome=told(outcome))
        self._emit(outcome)
        return {"ok": True, "outcome": told(outcome)}

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._waker.close()
        self._selector.close()
        self._tell("stopped")
        for kept in (self._keys, self._log, self._control):
            if kept is not None:
                kept.close()
