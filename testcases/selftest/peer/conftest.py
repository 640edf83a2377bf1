"""Two peers and a loop in memory between them: what one sends, the other hears at once."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from harness.clock import SeededEntropy
from harness.peer import Initiator, Note, Request, Script, Send
from harness.profile import DEFAULT, Configuration
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
    seen: list[Datagram] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    secrets: dict[str, list] = field(default_factory=lambda: {"alice": [], "bob": []})

    def carry(self, *datagrams: Datagram, answered: Callable[[Message], bool] | None = None) -> Message | None:
        """Deliver datagrams and all that follows from them; the result is what answered."""
        queue, answer = deque(datagrams), None
        while queue:
            datagram = queue.popleft()
            self.seen.append(datagram)
            if self.lost(datagram):
                continue
            for _ in range(self.copies):
                end = self.alice if datagram.destination in ALICE else self.bob
                received = end.receive(datagram, 0.0)
                queue.extend(received.send)
                self.secrets[end.name].extend(end.secrets())
                if received.message is not None:
                    self.heard.append(received.message)
                    if answer is None and end is self.alice and answered and answered(received.message):
                        answer = received.message
        return answer

    def play(self, script: Script) -> None:
        """Perform a script of alice's."""
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
                answer = self.carry(action.datagram, answered=action.answered_by)
                if answer is not None:
                    return answer
        elif isinstance(action, Send):
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

    def make(lost: Callable[[Datagram], bool] = lambda _: False, copies: int = 1, **changes: object) -> Loop:
        configuration: Configuration = replace(DEFAULT, **changes)
        alice = Initiator("alice", configuration.mirrored(), SeededEntropy(1), *ALICE, *BOB)
        bob = Initiator("bob", configuration, SeededEntropy(2), *BOB, *ALICE)
        return Loop(alice, bob, lost, copies)

    return make
