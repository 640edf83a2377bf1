"""Performs a script: its actions go onto the link, what comes back goes to the cast, and all of it into evidence."""

from collections.abc import Callable, Iterable
from math import inf
from typing import TypeVar

from harness.bench.companion import Companion
from harness.bench.evidence import Evidence
from harness.bench.links import NO_PORT, Link
from harness.codes import Trigger
from harness.peer import (
    Action,
    Await,
    Elapse,
    Initiator,
    Note,
    Ping,
    Provoke,
    Received,
    Request,
    Script,
    Send,
    Watch,
)
from harness.wire import Message
from harness.wire.datagram import Datagram, Endpoint

CONTROL = "control"
"""The mark of the stranger's exchange that ends every case."""

T = TypeVar("T")


Member = Initiator | Companion
"""Who may be in a cast."""


class Performer:
    """Plays scripts for a cast on a link; the cast goes on answering the target whatever the script waits for.

    A script's silent window is `watched_s` long.
    """

    def __init__(
        self, link: Link, evidence: Evidence, cast: Iterable[Member], watched_s: float = 0.0
    ) -> None:
        self._link = link
        self._evidence = evidence
        self._watched_s = watched_s
        self._cast = tuple(cast)
        self._devices = {each.name: each for each in self._cast if isinstance(each, Companion)}
        self._whose: dict[Endpoint, Member] = {
            endpoint: each for each in self._cast for endpoint in each.places
        }
        for (
            each
        ) in self._cast:  # a packet without ports is for the first who lives there, never for the stranger
            for place in each.places:
                self._whose.setdefault(Endpoint(place.address, NO_PORT), each)

    def perform(self, script: Script, stranger: Initiator) -> float:
        """Play the script to its end, close the window, and see by a stranger's exchange whether the target lives.

        The seconds of the window, which the stranger's exchange is no part of.
        """
        started = self._link.now
        self._play(script)
        self._elapse(self._link.settle_s)
        window_s = self._link.now - started
        self._play(control(stranger))
        return window_s

    def _play(self, script: Script) -> None:
        result: Message | Datagram | str | None = None
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                self._keep_secrets()
                return
            self._keep_secrets()
            result = self._do(action)

    def _do(self, action: Action) -> Message | Datagram | str | None:
        match action:
            case Request():
                return self._request(action)
            case Send():
                self._link.send(action.datagram, comments(action))
            case Ping():
                return self._ping(action)
            case Await():
                end = self._link.now + action.seconds
                return self._until(end, action.initiator, _message(action.what))
            case Elapse():
                self._elapse(action.seconds)
            case Watch():
                self._elapse(self._watched_s)
            case Provoke():
                return self._provoke(action)
            case Note():
                self._evidence.note(self._link.now, action.what, action.value)
        return None

    def _request(self, action: Request) -> Message | None:
        started, told = self._link.now, comments(action)
        again = sorted(moment for moment in action.retransmit if moment < action.wait)
        for moment in (*again, action.wait):
            for datagram in action.datagrams:
                self._link.send(datagram, told)
            answer = self._until(started + moment, action.initiator, _message(action.answered_by))
            if answer is not None:
                return answer
        return None

    def _ping(self, action: Ping) -> Datagram | None:
        started = self._link.now
        again = sorted(moment for moment in action.retransmit if moment < action.wait)
        for moment in (*again, action.wait):
            sent = action.packet()
            self._link.send(sent.datagram, comments(sent))
            answer = self._until(started + moment, action.initiator, _packet(action.answered_by))
            if answer is not None:
                return answer
        return None

    def _elapse(self, seconds: float) -> None:
        self._until(self._link.now + seconds, None, lambda _: None)

    def _provoke(self, action: Provoke) -> str:
        outcome = ""
        for _ in range(action.times):
            if action.whom is not None:
                outcome = self._provoke_device(action.whom, action.trigger)
                continue
            outcome = self._link.provoke(action.trigger)
            self._evidence.triggered(str(action.trigger))
            told = {"trigger": str(action.trigger), "outcome": outcome}
            self._evidence.note(self._link.now, "provoke", told)
        return outcome

    def _provoke_device(self, whom: str, trigger: Trigger) -> str:
        sent, outcome = self._devices[whom].provoke(trigger, self._link.now)
        self._send(sent)
        told = {"device": whom, "trigger": str(trigger), "outcome": outcome}
        self._evidence.note(self._link.now, "provoke device", told)
        return outcome

    def _send(self, datagrams: Iterable[Datagram]) -> None:
        self._keep_secrets()
        for datagram in datagrams:
            self._link.send(datagram)

    def _until(
        self, moment: float, initiator: Initiator | None, wanted: Callable[[Received], T | None]
    ) -> T | None:
        while (datagram := self._next(moment)) is not None:
            whose = self._whose.get(datagram.destination)
            if whose is None:
                continue
            received = whose.receive(datagram, self._link.now)
            self._send(received.send)
            if whose is initiator and (found := wanted(received)) is not None:
                return found
        return None

    def _next(self, moment: float) -> Datagram | None:
        """The next datagram to the cast; None at `moment`. Devices of the cast are woken meanwhile."""
        while True:
            wakes = [each.next_wake for each in self._devices.values()]
            due = min((wake for wake in wakes if wake is not None), default=inf)
            datagram = self._link.receive(min(moment, due))
            if datagram is not None or due > moment:
                return datagram
            for each in self._devices.values():
                self._send(each.wake(self._link.now))

    def _keep_secrets(self) -> None:
        for each in self._cast:
            for secret in each.secrets():
                self._evidence.secret(secret)


def _message(wanted: Callable[[Message], bool]) -> Callable[[Received], Message | None]:
    """What was received, if it is a message that is wanted."""
    return lambda got: got.message if got.message is not None and wanted(got.message) else None


def _packet(wanted: Callable[[Datagram], bool]) -> Callable[[Received], Datagram | None]:
    """What was received, if it is a packet that is wanted."""
    return lambda got: got.packet if got.packet is not None and wanted(got.packet) else None


def comments(action: Request | Send) -> tuple[str, ...]:
    """What the capture says beside a frame that a script sends."""
    return (
        *((f"mark: {action.mark}",) if action.mark else ()),
        *(("due",) if action.due else ()),
        *(("hostile",) if action.hostile else ()),
    )


def control(stranger: Initiator) -> Script:
    """A stranger's first exchange, in a version that the target speaks; any answer shows life."""
    if 2 in stranger.configuration.versions:
        yield from stranger.ike_sa_init(mark=CONTROL)
    else:
        yield stranger.main_mode_1(mark=CONTROL)
