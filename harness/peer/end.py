"""What a peer is in both versions: a name, two endpoints, a store of what it sent, and the secrets it came to know."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, TypeVar, Unpack

from harness.clock import Entropy
from harness.codes import Exchange
from harness.peer.mischief import HONEST, Changes, Plan, planned
from harness.peer.script import Note, Request, Send
from harness.profile import Configuration
from harness.sa.secrets import to_evidence
from harness.values import replace, value
from harness.wire import Message, decode_header
from harness.wire.datagram import TCP_STREAM, UDP, Datagram, Endpoint, frame

Sent = TypeVar("Sent", Request, Send)
ExchangeKey = tuple[bytes, int, int]
"""What an answer is told by: the initiator's SPI, the exchange type, the Message ID."""


class Ask(StrEnum):
    """What a target may start and a peer answers, unless told not to."""

    IKE_SA_INIT = "ike-sa-init"
    INTERMEDIATE = "intermediate"
    IKE_AUTH = "ike-auth"
    CHILD = "child"
    CHILD_REKEY = "child-rekey"
    FOLLOW_UP = "follow-up"
    IKE_REKEY = "ike-rekey"
    LIVENESS = "liveness"
    DELETE = "delete"
    INFORMATIONAL = "informational"
    MAIN_MODE = "main-mode"
    AGGRESSIVE_MODE = "aggressive-mode"
    QUICK_MODE = "quick-mode"
    R_U_THERE = "r-u-there"
    TRANSACTION = "transaction"
    ECHO = "echo"


@value
class Received:
    """What became of a datagram: what to send, and the message in it with its sealed payloads opened."""

    send: tuple[Datagram, ...] = ()
    message: Message | None = None
    answers: ExchangeKey | None = None
    """The exchange of ours that the message is the answer to, if it is one that was waited for."""
    why: str | None = None
    """Why it was not opened, or not answered."""
    packet: Datagram | None = None
    """The packet that came through a Child SA."""


class End:
    """One end of a tunnel, as far as both versions of IKE have it in common."""

    name: str

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        entropy: Entropy,
        local: Endpoint,
        local_natt: Endpoint,
        remote: Endpoint,
        remote_natt: Endpoint,
        elsewhere: str | None = None,
    ) -> None:
        self.name = name
        self.configuration = configuration
        self.entropy = entropy
        self.local = local
        self.local_natt = local_natt
        self.remote = remote
        self.remote_natt = remote_natt
        self.elsewhere = elsewhere
        """Its other address, if the link lets it have one; the ports are the same."""
        self.nat_ports = frozenset({local_natt.port, remote_natt.port})
        self.protocol = UDP
        """What IKE SAs that are begun from now on travel in: UDP, or a TCP stream."""
        self.answering: Plan = HONEST
        """How answers to what the target starts are bent."""
        self.refusals: dict[str, int] = {}
        """What the target starts that is refused, and by which notify (version 2)."""
        self._ignored: set[str] = set()
        self._sent: dict[str, Request | Send] = {}
        self._secrets: list[Any] = []

    def secrets(self) -> list[dict[str, Any]]:
        """The secrets that came into being since this was last asked, as plain data for the capture."""
        fresh, self._secrets = self._secrets, []
        return [to_evidence(keys) for keys in fresh]

    def came_to_know(self, keys: Any) -> None:
        """Keep keys for the next `secrets`."""
        self._secrets.append(keys)

    def speaks_tcp(self) -> Note:
        """From now on IKE SAs are begun over TCP connections, from this end's port of NAT traversal to the target's."""
        self.protocol = TCP_STREAM
        return Note("speaks", f"{self.name}: TCP from {self.local_natt} to {self.remote_natt}")

    def ignores(self, *asks: Ask | str) -> Note:
        """From now on these requests of the target get no answer; the note, when yielded, says so in the evidence."""
        self._ignored.update(Ask(ask) for ask in asks)
        return Note("ignores", f"{self.name}: {', '.join(sorted(self._ignored))}")

    def answers_again(self, *asks: Ask | str) -> Note:
        """Take back `ignores` for these, or for all when none is named."""
        self._ignored.difference_update([Ask(ask) for ask in asks] or list(self._ignored))
        return Note("ignores", f"{self.name}: {', '.join(sorted(self._ignored)) or 'nothing'}")

    def refuses(self, ask: Ask | str, notify: int | None) -> Note:
        """From now on this request of the target is refused by that notify; None: it is served again (version 2)."""
        if notify is None:
            self.refusals.pop(Ask(ask), None)
        else:
            self.refusals[Ask(ask)] = notify
        return Note("refuses", f"{self.name}: {ask} by {notify}")

    def answers_with(self, **changes: Unpack[Changes]) -> Note:
        """From now on answers to what the target starts are bent like this; without changes they are honest again."""
        self.answering = planned(changes)
        return Note("answers", f"{self.name}: {'bent' if self.answering.bent else 'honestly'}")

    def ignored(self, ask: Ask) -> bool:
        """Whether the script took this answer away."""
        return ask in self._ignored

    def again(self, earlier: str, **changes: Unpack[Changes]) -> Request | Send | Note:
        """The very octets that were sent under the mark `earlier`, sent once more under `mark`."""
        plan = planned(changes)
        sent = self._sent.get(earlier)
        if sent is None:
            return Note("not sent", f"{self.name}: nothing was sent under the mark {earlier!r}")
        due = sent.due if plan.due is None else plan.due
        hostile = sent.hostile if plan.hostile is None else plan.hostile
        if isinstance(sent, Send):
            return self._stored(replace(sent, mark=plan.mark, due=due, hostile=hostile))
        octets = unframed(sent.data, sent.destination.port in self.nat_ports)
        repeat = replace(sent, mark=plan.mark, due=due, hostile=hostile, answered_by=answers(octets))
        return self._stored(replace(repeat, retransmit=plan.retransmit, wait=plan.wait))

    def raw(self, octets: bytes, *, natt: bool = False, **changes: Unpack[Changes]) -> Request:
        """Any octets as they are; hostile unless said to be due. What answers their header is waited for."""
        plan = planned(changes)
        if plan.hostile is None and not plan.due:
            plan = replace(plan, hostile=True)
        return self.asked(octets, natt, plan)

    def datagram_of(self, octets: bytes, *, natt: bool = False, **changes: Unpack[Changes]) -> Send:
        """Any octets as they are, sent once; nobody waits for an answer."""
        return self.said(octets, natt, replace(planned(changes), bend=None))

    def asked(
        self,
        octets: bytes,
        natt: bool,
        plan: Plan,
        answered_by: Callable[[Message], bool] | None = None,
        ends: tuple[Endpoint, Endpoint] | None = None,
        further: Sequence[bytes] = (),
    ) -> Request:
        """A request of these octets, and of those of its further fragments, kept under its mark."""
        natt = natt or self.protocol == TCP_STREAM
        source, destination = ends or self.ends(natt)
        return self._stored(
            Request(
                self,  # type: ignore[arg-type]  # every End is an Initiator
                frame(octets, natt),
                source,
                destination,
                answered_by or answers(octets),
                plan.mark,
                plan.is_due,
                plan.is_hostile,
                plan.retransmit if self.protocol == UDP else (),  # 9329/6.2
                plan.wait,
                self.protocol,
                tuple(frame(octets, natt) for octets in further),
            )
        )

    def said(
        self, octets: bytes, natt: bool, plan: Plan, ends: tuple[Endpoint, Endpoint] | None = None
    ) -> Send:
        """A message of these octets that has no answer, kept under its mark."""
        natt = natt or self.protocol == TCP_STREAM
        source, destination = ends or self.ends(natt)
        return self._stored(
            Send(
                frame(octets, natt),
                source,
                destination,
                plan.mark,
                bool(plan.due),
                plan.is_hostile,
                self.protocol,
            )
        )

    @property
    def places(self) -> tuple[Endpoint, ...]:
        """Where this end may be reached: at its own address, and at its other one."""
        here = (self.local, self.local_natt)
        if self.elsewhere is None:
            return here
        return (*here, *(end._replace(address=self.elsewhere) for end in here))

    def from_elsewhere(self, sent: Sent | Note) -> Sent | Note:
        """The same message as it comes from this end's other address; nothing moves there with it."""
        if isinstance(sent, Note) or self.elsewhere is None:
            return sent
        return self._stored(replace(sent, source=sent.source._replace(address=self.elsewhere)))

    def ends(self, natt: bool) -> tuple[Endpoint, Endpoint]:
        """From where to where messages go."""
        return (self.local_natt, self.remote_natt) if natt else (self.local, self.remote)

    def nonzero(self, count: int) -> bytes:
        """`count` octets that are not all zero, as SPIs and cookies must be."""
        octets = self.entropy.octets(count)
        return octets if any(octets) else bytes(count - 1) + b"\x01"

    def _stored(self, sent: Sent) -> Sent:
        if sent.mark is not None:
            self._sent[sent.mark] = sent
        return sent


def unframed(data: bytes, natt: bool) -> bytes:
    """A UDP payload without the non-ESP marker."""
    return data[4:] if natt and data.startswith(bytes(4)) else data


def marked(plan: Plan, suffix: str) -> Plan:
    """The plan of a message that follows another in one step: the mark `x` becomes `x/suffix`."""
    return plan if plan.mark is None else replace(plan, mark=f"{plan.mark}/{suffix}")


def answers(octets: bytes) -> Callable[[Message], bool]:
    """Whether a message answers the request in `octets`, by the headers alone."""
    request = decode_header(octets)
    if not isinstance(request, Message):
        return lambda _: False
    if request.major == 1:
        return lambda message: _answers_v1(request, message)
    return lambda message: _answers_v2(request, message)


def _answers_v1(request: Message, message: Message) -> bool:
    return (
        message.major == 1
        and message.spi_i == request.spi_i
        and message.exchange in (request.exchange, Exchange.INFORMATIONAL_V1)
    )


def _answers_v2(request: Message, message: Message) -> bool:
    if message.spi_i != request.spi_i:
        return False
    if message.major == 1:  # an older device refuses the version in its own
        return message.exchange == Exchange.INFORMATIONAL_V1
    return (
        message.is_response
        and (message.exchange, message.message_id) == (request.exchange, request.message_id)
        and (message.spi_r == request.spi_r or not any(request.spi_r))
    )
