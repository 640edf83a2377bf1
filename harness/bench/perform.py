"""Performs a script: its actions go onto the link, what comes back goes to the cast, and all of it into evidence."""

from collections.abc import Callable, Iterable
from math import inf
from typing import TypeVar

from harness.bench.companion import Companion
from harness.bench.evidence import NOT_CAUSED, Evidence
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
from harness.target.contract import NotCaused, Outcome
from harness.wire import Message
from harness.wire.datagram import Datagram, Endpoint

LOOK_AGAIN_S = 0.05
"""How often it is looked whether an event is over."""

T = TypeVar("T")


Member = Initiator | Companion
"""Who may be in a cast."""


class Performer:
    """Plays scripts for a cast on a link; the cast goes on answering the target whatever the script waits for.

    A script's silent window is `watched_s` long. An answer that is due is waited for `patience_s` at least.
    """

    def __init__(
        self,
        link: Link,
        evidence: Evidence,
        cast: Iterable[Member],
        watched_s: float = 0.0,
        patience_s: float = 0.0,
    ) -> None:
        self._link = link
        self._evidence = evidence
        self._watched_s = watched_s
        self._patience_s = patience_s
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

    def perform(self, script: Script, ending: Script) -> float:
        """Play the script to its end, close the window, and play what shows whether the target lives.

        The seconds of the window, which the ending is no part of.
        """
        started = self._link.now
        self.play(script)
        self._elapse(self._link.settle_s)
        window_s = self._link.now - started
        self.play(ending)
        return window_s

    def play(self, script: Script) -> None:
        """Play a script to its end; the cast goes on answering."""
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
        wait = max(action.wait, self._patience_s) if action.due else action.wait
        again = sorted(moment for moment in action.retransmit if moment < action.wait)
        for moment in (*again, wait):
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
        """Cause it as often as is asked; what could not be caused once is not tried again."""
        left, outcome = action.times, Outcome(True, "")
        while left and outcome.caused:
            outcome = (
                self._provoke_target(action.trigger)
                if action.whom is None
                else self._provoke_device(action.whom, action.trigger)
            )
            left -= 1
        return outcome.says

    def _provoke_target(self, trigger: Trigger) -> Outcome:
        outcome = self._outcome(trigger)
        if outcome.caused:
            self._evidence.triggered(str(trigger))
        told = {"trigger": str(trigger), "outcome": outcome.says}
        self._evidence.note(self._link.now, "provoke" if outcome.caused else NOT_CAUSED, told)
        return outcome

    def _outcome(self, trigger: Trigger) -> Outcome:
        """What came of a local event; as long as it takes, the cast goes on answering."""
        try:
            came_of_it = self._link.provoke(trigger)
        except NotCaused as why:
            return Outcome(False, str(why))
        if isinstance(came_of_it, str):
            return Outcome(True, came_of_it)
        while (outcome := came_of_it.outcome()) is None:
            self._elapse(LOOK_AGAIN_S)
        return outcome

    def _provoke_device(self, whom: str, trigger: Trigger) -> Outcome:
        sent, outcome = self._devices[whom].provoke(trigger, self._link.now)
        self._send(sent)
        told = {"device": whom, "trigger": str(trigger), "outcome": outcome}
        self._evidence.note(self._link.now, "provoke device", told)
        return Outcome(True, outcome)

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
