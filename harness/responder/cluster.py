"""Two nodes behind one address: one serves, the other takes over when it fails, with what it knows of the SAs."""

from collections.abc import Callable, Iterable
from typing import Any

from harness.clock import Entropy
from harness.codes import Trigger
from harness.profile import Configuration
from harness.responder.core import Responder
from harness.responder.rules import HONEST
from harness.responder.state import Sa
from harness.responder.step import Step
from harness.responder.table import Rules
from harness.wire.datagram import Datagram, Endpoint


def device(
    configuration: Configuration,
    entropy: Entropy,
    rules: Rules = HONEST,
    *,
    local: Endpoint | Iterable[Endpoint] | None = None,
    peer: Endpoint | None = None,
    nat_ports: frozenset[int] = frozenset({4500}),
) -> "Responder | Cluster":
    """The device that is configured: one node, or two behind one address."""

    def node(configured: Configuration) -> Responder:
        return Responder(configured, entropy, rules, local=local, peer=peer, nat_ports=nat_ports)

    if not isinstance(local, Endpoint | None):
        local = tuple(local)
    return node(configuration) if configuration.standby == "alone" else Cluster(configuration, node)


class Cluster:
    """A device of two nodes; by the trigger `failover` the standby is the one that serves.

    With `synchronised` it goes on with the SAs that were up, octet counts and Message IDs included; a `cold` one knows
    of none, and says so to peers that use them (RFC 7296 section 2.21.4).
    """

    def __init__(self, configuration: Configuration, node: Callable[[Configuration], Responder]) -> None:
        self._make = node
        self._node = node(configuration)

    @property
    def configuration(self) -> Configuration:
        """What both nodes are set up to be."""
        return self._node.configuration

    @property
    def rules(self) -> Rules:
        """The rules of the node that serves."""
        return self._node.rules

    @property
    def next_wake(self) -> float | None:
        """When `wake` is next to be called."""
        return self._node.next_wake

    def receive(self, datagram: Datagram, now: float) -> Step:
        """The node that serves takes one datagram in."""
        return self._node.receive(datagram, now)

    def wake(self, now: float) -> Step:
        """The node that serves does what is due."""
        return self._node.wake(now)

    def provoke(self, trigger: Trigger, now: float) -> Step:
        """Let a local event happen at the node that serves; it is the other one after `failover`."""
        if trigger is Trigger.FAILOVER:
            failed, self._node = self._node, self._make(self.configuration)
            if self.configuration.standby == "synchronised":
                self._node.take_over(failed, now)
        return self._node.provoke(trigger, now)

    def reconfigure(self, configuration: Configuration, now: float) -> Step:
        """Both nodes are set up otherwise from now on."""
        return self._node.reconfigure(configuration, now)

    def all(self) -> Iterable[Sa]:
        """Every SA of the node that serves, oldest first."""
        return self._node.all()

    def show(self, now: float) -> list[dict[str, Any]]:
        """Every SA of the node that serves, as plain data."""
        return self._node.show(now)

    def secrets(self) -> Iterable[dict[str, Any]]:
        """The keys of every SA of the node that serves."""
        return self._node.secrets()

    def secrets_of(self, step: Step) -> Iterable[dict[str, Any]]:
        """The keys of the SAs that this step made or changed."""
        return self._node.secrets_of(step)
