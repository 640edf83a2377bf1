"""What a script may ask for, an action at a time; whoever performs it sends the result back into the generator."""

from collections.abc import Callable, Generator
from dataclasses import field
from typing import TYPE_CHECKING, Any

from harness.codes import Trigger
from harness.values import replace, value
from harness.wire import Message
from harness.wire.datagram import UDP, Datagram, Endpoint

if TYPE_CHECKING:
    from harness.peer.initiator import Initiator

RETRANSMIT = (0.5, 1.0, 2.0)
"""When an unanswered request is sent again: seconds since it was first sent."""
WAIT_S = 4.0
"""How long a request is waited for in all, in seconds since it was first sent."""


@value
class Request:
    """Send `data` and wait for what answers it; the result is the answering message, opened, or None.

    `data` is the whole UDP payload, the non-ESP marker included where there is one. The moments of
    `retransmit` and the end `wait` count in seconds from the first sending; what is sent again is octet for
    octet the same.
    """

    initiator: "Initiator"
    data: bytes
    source: Endpoint
    destination: Endpoint
    answered_by: Callable[[Message], bool] = field(compare=False, repr=False)
    """Whether this message, as `Initiator.receive` gave it, is the answer."""
    mark: str | None = None
    due: bool = True
    """The script says that this request must be answered."""
    hostile: bool = False
    """The script makes no claim on an answer."""
    retransmit: tuple[float, ...] = RETRANSMIT
    wait: float = WAIT_S
    protocol: int = UDP
    further: tuple[bytes, ...] = ()
    """The other fragments, where `data` is the first one of a message in fragments."""

    @property
    def datagram(self) -> Datagram:
        """What goes onto the link, or the first of it."""
        return self.datagrams[0]

    @property
    def datagrams(self) -> tuple[Datagram, ...]:
        """All that goes onto the link, each time."""
        return tuple(
            Datagram(self.source, self.destination, data, self.protocol)
            for data in (self.data, *self.further)
        )

    def part(self, number: int, bend: Callable[[bytes], bytes] | None = None) -> "Send":
        """One of the fragments alone, counted from 1, with nobody waiting for an answer; bent, it is hostile."""
        data = (self.data, *self.further)[number - 1]
        sent = replace(self.without_waiting(), data=data if bend is None else bend(data), due=False)
        return replace(sent, hostile=self.hostile or bend is not None)

    def in_order(self, *numbers: int) -> "Request":
        """The same request with its fragments in this order, counted from 1, each as often as it is named."""
        first, *further = ((self.data, *self.further)[number - 1] for number in numbers)
        return replace(self, data=first, further=tuple(further))

    def without_waiting(self) -> "Send":
        """The same octets, sent once, with nobody waiting for an answer."""
        return Send(
            self.data, self.source, self.destination, self.mark, self.due, self.hostile, self.protocol
        )

    def marked(self, mark: str | None) -> "Request":
        """The same request under another mark."""
        return replace(self, mark=mark)


@value
class Send:
    """Send `data` once and go on; the result is None."""

    data: bytes
    source: Endpoint
    destination: Endpoint
    mark: str | None = None
    due: bool = False
    hostile: bool = False
    protocol: int = UDP

    @property
    def datagram(self) -> Datagram:
        """What goes onto the link."""
        return Datagram(self.source, self.destination, self.data, self.protocol)


@value
class Ping:
    """Send a packet through a Child SA and wait for the one that answers it; the result is that packet, or None.

    `packet` gives another one each time, with the same content: one that came twice would be a replay. The
    moments of `retransmit` and the end `wait` count in seconds from the first sending.
    """

    initiator: "Initiator"
    packet: Callable[[], Send] = field(compare=False, repr=False)
    answered_by: Callable[[Datagram], bool] = field(compare=False, repr=False)
    mark: str | None = None
    retransmit: tuple[float, ...] = RETRANSMIT
    wait: float = WAIT_S


@value
class Await:
    """Wait until a message comes of which `what` is true; the result is that message, opened, or None after `seconds`.

    The initiator goes on answering what the target starts.
    """

    initiator: "Initiator"
    what: Callable[[Message], bool] = field(compare=False, repr=False)
    seconds: float
    mark: str | None = None


@value
class Elapse:
    """Let this many seconds pass, in which every initiator goes on answering; the result is None."""

    seconds: float


@value
class Watch:
    """Let the silent window of the case pass, which is as long as the run asks for; the result is None."""


@value
class Provoke:
    """Give the target a reason to start something, `times` over; the result says what came of it, in words."""

    trigger: Trigger
    times: int = 1
    whom: str | None = None
    """The device of the cast that the event happens to; None: the target."""


@value
class Device:
    """A second real device on the line, two-way, in the cast of a case: it acts by itself, and on its own events."""

    name: str

    def provoke(self, trigger: Trigger, times: int = 1) -> Provoke:
        """Let a local event happen to it."""
        return Provoke(trigger, times, self.name)


@value
class Note:
    """Put a fact among the observations of the capture; the result is None."""

    what: str
    value: Any


Action = Request | Send | Ping | Await | Elapse | Watch | Provoke | Note
Script = Generator[Action, Any, None]
"""What a case's `script` is."""
Steps = Generator[Action, Any, Message | None]
"""Several actions in a row, whose result is the last answer: `answer = yield from alice.connect()`."""
