"""Two peers and a loop in memory between them: what one sends, the other hears at once."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.peer import Initiator, Note, Received, Request, Script, Send
from harness.profile import DEFAULT
from harness.wire import Datagram, Endpoint, Message, decode

ALICE = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)
BOB = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)


@dataclass
class Loop:
    """Carries datagrams between two ends and performs scripts; `lost` says which datagrams vanish."""

    alice: Initiator
    bob: Initiator
    lost: Callable[[Datagram], bool] = lambda _: False
    copies: int = 1
    translate: Callable[[Datagram], Datagram] = lambda datagram: datagram
    seen: list[Datagram] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)
    whys: list[str | None] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    secrets: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"alice": [], "bob": []})

    def carry(self, *datagrams: Datagram, request: Request | None = None) -> Message | None:
        """Deliver datagrams and all that follows from them; the result is what answered the request."""
        queue, answer = deque(datagrams), None
        while queue:
            datagram = queue.popleft()
            self.seen.append(datagram)
            if self.lost(datagram):
                continue
            for _ in range(self.copies):
                end, received = self.deliver(self.translate(datagram))
                queue.extend(received.send)
                message = received.message
                if message is None or request is None or answer is not None:
                    continue
                if end is request.initiator and request.answered_by(message):
                    answer = message
        return answer

    def deliver(self, datagram: Datagram) -> tuple[Initiator, Received]:
        """Give one datagram to the end that it is for."""
        places = (self.alice.local, self.alice.local_natt)
        end = self.alice if datagram.destination in places else self.bob
        received = end.receive(datagram, 0.0)
        self.secrets[end.name].extend(end.secrets())
        self.whys.append(received.why)
        if received.message is not None:
            self.heard.append(received.message)
        return end, received

    def play(self, script: Script) -> None:
        """Perform a script of either end."""
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                return
            result = self._perform(action)

    def _perform(self, action: object) -> Message | None:
        if isinstance(action, Request):
            self.requests.append(action)
            for _ in range(1 + len(action.retransmit)):
                answer = self.carry(action.datagram, request=action)
                if answer is not None:
                    return answer
        elif isinstance(action, Send):
            self.sends.append(action)
            self.carry(action.datagram)
        elif isinstance(action, Note):
            self.notes.append(action)
        return None

    def messages(self) -> Iterator[Message]:
        """Every message that went over the wire, as sent."""
        for datagram in self.seen:
            message = decode(datagram.data[4:] if datagram.data.startswith(bytes(4)) else datagram.data)
            assert isinstance(message, Message)
            yield message


@pytest.fixture
def loop() -> Callable[..., Loop]:
    """Makes a loop between two ends of one tunnel, their configuration changed as given."""

    def make(**changes: Any) -> Loop:
        configuration = replace(DEFAULT, **changes)
        alice = Initiator("alice", configuration.mirrored(), SeededEntropy(1), *ALICE, *BOB)
        bob = Initiator("bob", configuration, SeededEntropy(2), *BOB, *ALICE)
        return Loop(alice, bob)

    return make
