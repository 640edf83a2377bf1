"""A responder and its IKEv1 peers with nothing between them."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.peer import Initiator, Request, Send
from harness.profile import DEFAULT, Configuration
from harness.responder import Responder, Step
from harness.wire import Message, decode, v1
from harness.wire.datagram import ESP, Datagram, Endpoint
from testcases.selftest.responder.pairing import PEER, PEER_NATT, TARGET, TARGET_NATT, Together

BOB, BOB_NATT = Endpoint("192.0.2.2", 1500), Endpoint("192.0.2.2", 14500)


class Pair(Together):
    """A responder and two peers of IKEv1."""

    def __init__(self, configuration: Configuration = DEFAULT) -> None:
        self.now = 0.0
        self.responder = Responder(configuration, SeededEntropy(1), local=TARGET, peer=PEER)
        mirrored = configuration.mirrored()
        self.alice = Initiator("alice", mirrored, SeededEntropy(2), PEER, PEER_NATT, TARGET, TARGET_NATT)
        self.bob = Initiator("bob", mirrored, SeededEntropy(3), BOB, BOB_NATT, TARGET, TARGET_NATT)
        self.deaf = False
        self.lost: Callable[[Message], bool] = lambda _: False
        self.sent: list[Datagram] = []
        self.opened: list[Message] = []
        self.steps: list[Step] = []
        self.times: list[float] = []
        self._log: list[tuple[bytes, bool]] = []

    def connect(self, **changes: Any) -> "Pair":
        """Main Mode and Quick Mode by alice."""
        self.play(self.alice.main_mode(**changes))
        self.play(self.alice.quick_mode())
        return self

    def hand(self, octets: bytes, source: Endpoint = PEER) -> Step:
        """Give the responder some octets that no peer knows of."""
        step = self.responder.receive(Datagram(source, TARGET, octets), self.now)
        self.steps.append(step)
        return step

    @property
    def sas(self) -> list[Any]:
        """The responder's SAs."""
        return list(self.responder.all())

    @property
    def children(self) -> int:
        """How many pairs of IPsec SAs the responder has."""
        return sum(len(sa.children) for sa in self.sas)

    @property
    def drops(self) -> list[str]:
        """The reasons of all drops, in order."""
        return [step.drop for step in self.steps if step.drop is not None]

    def started(self) -> list[int]:
        """The exchange types of all that the responder sent as the first of its exchange."""
        first: dict[tuple[bytes, int, int], bool] = {}
        for octets, by_target in self._log:
            message = decode(octets)
            assert isinstance(message, Message)
            first.setdefault((message.spi_i, message.exchange, message.message_id), by_target)
        return [exchange for (_, exchange, _), by_target in first.items() if by_target]

    def notified(self) -> list[int]:
        """The types of all notifies that the responder sent and the peer could read."""
        return [n.notify_type for m in self.opened for n in m.all(v1.Notify)]

    def _act(self, action: Any) -> Message | None:
        if not isinstance(action, Request | Send):
            return None
        wanted: Callable[[Message], bool] = getattr(action, "answered_by", lambda _: False)
        return self._talk(self._receive(action.datagram), wanted)

    def _receive(self, datagram: Datagram) -> Step:
        self._log.append((datagram.data.removeprefix(bytes(4)), False))
        return self.responder.receive(datagram, self.now)

    def _talk(self, step: Step, wanted: Callable[[Message], bool] = lambda _: False) -> Message | None:
        self.steps.append(step)
        answer = None
        for datagram in step.send:
            self.sent.append(datagram)
            self.times.append(self.now)
            if datagram.protocol == ESP:
                continue
            self._log.append((datagram.data.removeprefix(bytes(4)), True))
            if self.deaf:
                continue
            end = self.bob if datagram.destination in (BOB, BOB_NATT) else self.alice
            received = end.receive(datagram, self.now)
            if received.message is not None:
                self.opened.append(received.message)
                answer = received.message if wanted(received.message) else answer
            for reply in received.send:
                if not self.lost(_headed(reply)):
                    self._talk(self._receive(reply))
        return answer


def _headed(datagram: Datagram) -> Message:
    message = decode(datagram.data.removeprefix(bytes(4)))
    assert isinstance(message, Message)
    return message


@pytest.fixture
def pairs() -> type[Pair]:
    """Makes responders of any configuration, with their peers."""
    return Pair


@pytest.fixture
def pair() -> Pair:
    """A strict responder and its peers."""
    return Pair()


@pytest.fixture
def connected() -> Pair:
    """A strict responder with an ISAKMP SA and a pair of IPsec SAs."""
    return Pair().connect()
