"""A second real device on the line: what a peer of the target does that is no script but a device of its own."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from harness.bench.links import told
from harness.clock import Entropy
from harness.codes import ProfileName, Trigger
from harness.peer import Received
from harness.profile import Configuration
from harness.responder import Responder
from harness.target.contract import Addresses
from harness.wire.datagram import Datagram, Endpoint


class Companion:
    """A two-way reference device at an address of the cast; it answers, wakes, and starts what its own events ask for."""

    def __init__(
        self, name: str, configuration: Configuration, entropy: Entropy, here: Addresses, there: Addresses
    ) -> None:
        self.name = name
        self.local, self.local_natt = here.ike, here.natt
        self._device = Responder(
            replace(configuration, profile=ProfileName.TWO_WAY),
            entropy,
            local=here.ike,
            peer=there.ike,
            nat_ports=frozenset({here.natt.port, there.natt.port}),
        )

    @property
    def places(self) -> tuple[Endpoint, ...]:
        """Where it is reached."""
        return self.local, self.local_natt

    @property
    def next_wake(self) -> float | None:
        """When it is next to be woken."""
        return self._device.next_wake

    def receive(self, datagram: Datagram, now: float) -> Received:
        """What it sends for this datagram."""
        return Received(send=self._device.receive(datagram, now).send)

    def wake(self, now: float) -> tuple[Datagram, ...]:
        """What it sends because its time has come."""
        return self._device.wake(now).send

    def provoke(self, trigger: Trigger, now: float) -> tuple[tuple[Datagram, ...], str]:
        """What it sends because of a local event, and what came of that, in words."""
        outcome = self._device.provoke(trigger, now)
        return outcome.send, told(outcome)

    def secrets(self) -> Iterable[dict[str, Any]]:
        """The keys of its SAs."""
        return self._device.secrets()
