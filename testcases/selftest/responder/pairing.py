"""The responder and its peer with nothing between them, for tests of both versions' conversations."""

from collections.abc import Callable
from typing import Any

from harness.clock import SeededEntropy
from harness.codes import Trigger
from harness.peer import Initiator, Note, Request, Send
from harness.profile import DEFAULT, Configuration
from harness.responder import Responder, Step
from harness.wire import Message, decode
from harness.wire.datagram import NAT_PORTS, Endpoint, demultiplex

TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
PEER, PEER_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)


class Together:
    """A responder with its peers, and nothing between them; time stands where `now` says."""

    now: float
    responder: Responder

    def play(self, script: Any) -> Any:
        """Perform a script, or one action; the result of the script, or the answer to the action."""
        if isinstance(script, Request | Send | Note):
            return self._act(script)
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration as end:
                return end.value
            result = self._act(action)

    def provoke(self, trigger: Trigger) -> None:
        """Let a local event happen, and let both ends talk it out."""
        self._talk(self.responder.provoke(trigger, self.now))

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while (due := self.responder.next_wake) is not None and due <= end:
            self.now = max(self.now, due)
            self._talk(self.responder.wake(self.now))
        self.now = end

    def _act(self, action: Any) -> Message | None:
        raise NotImplementedError

    def _talk(self, step: Step) -> Message | None:
        raise NotImplementedError


class Pair(Together):
    """The responder and a peer with nothing between them; time stands where `now` says."""

    def __init__(self, configuration: Configuration = DEFAULT, **options: Any) -> None:
        self.now = 0.0
        self.responder = Responder(configuration, SeededEntropy(1), local=TARGET, peer=PEER, **options)
        self.peer = Initiator(
            "alice", configuration.mirrored(), SeededEntropy(2), PEER, PEER_NATT, TARGET, TARGET_NATT
        )
        self.sent: list[Message] = []
        self.steps: list[Step] = []

    def exchanges(self) -> list[tuple[int, bool]]:
        """Exchange type and R flag of all that the responder sent."""
        return [(m.exchange, m.is_response) for m in self.sent]

    def started(self) -> list[int]:
        """The exchange types of the requests that the responder sent by itself."""
        return [exchange for exchange, response in self.exchanges() if not response]

    def _act(self, action: Any) -> Message | None:
        if not isinstance(action, Request | Send):
            return None
        wanted: Callable[[Message], bool] = getattr(action, "answered_by", lambda _: False)
        if isinstance(action, Send):
            return self._talk(self.responder.receive(action.datagram, self.now), wanted)
        answers = [self._talk(self.responder.receive(each, self.now), wanted) for each in action.datagrams]
        return next((answer for answer in answers if answer is not None), None)

    def _talk(self, step: Step, wanted: Callable[[Message], bool] = lambda _: False) -> Message | None:
        self.steps.append(step)
        answer = None
        for datagram in step.send:
            message = decode(demultiplex(datagram, NAT_PORTS)[1])
            assert isinstance(message, Message)
            self.sent.append(message)
            received = self.peer.receive(datagram, self.now)
            if received.message is not None and wanted(received.message):
                answer = received.message
            for reply in received.send:
                self._talk(self.responder.receive(reply, self.now))
        return answer
