"""Defects planted to be found: honest tables with one deep fault each, for the fuzzers alone.

They stand apart from the deviants that cases must convict: no case is written for them, a fuzzer has to meet them.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from harness import __version__
from harness.clock import Entropy
from harness.codes import Exchange
from harness.profile import Configuration
from harness.responder import HONEST, Responder
from harness.responder.context import Context, Incoming
from harness.responder.policy import narrow
from harness.responder.state import IkeSa, Own, Selector, State
from harness.responder.step import Step
from harness.responder.table import Rules
from harness.responder.v2.own import begin
from harness.target.contract import Addresses, TargetUnavailable
from harness.target.reference import ABILITIES
from harness.wire import v2
from harness.wire.datagram import Endpoint

PREFIX = "planted:"


def _by_sequence() -> Rules:
    """Once an IKE SA and then a child on its heir were rekeyed, the Delete of the last child makes it ask for a new one."""
    heirs: set[bytes] = set()
    ripe: set[bytes] = set()
    making = HONEST.requests[State.ESTABLISHED, Exchange.CREATE_CHILD_SA]
    telling = HONEST.requests[State.ESTABLISHED, Exchange.INFORMATIONAL]

    def make(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = making(context, sa, request)
        if "ike-sa-rekeyed" in step.events:
            heirs.update(other.ours for other in step.changed if other.ours != sa.ours)
        if "child-sa-rekeyed" in step.events and sa.ours in heirs:
            ripe.add(sa.ours)
        return step

    def tell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = telling(context, sa, request)
        after = step.changed[0] if step.changed else None
        if not isinstance(after, IkeSa) or not after.up or after.children or not sa.children:
            return step
        if sa.ours not in ripe:
            return step
        lost = sa.children[-1]
        return step.then(begin(context, after, Own("new-child", local=lost.local, remote=lost.remote)))

    made = HONEST.but("requests", (State.ESTABLISHED, Exchange.CREATE_CHILD_SA), make)
    return made.but("requests", (State.ESTABLISHED, Exchange.INFORMATIONAL), tell)


def _by_value() -> Rules:
    """A Traffic Selector that ends below its start port, behind a good AUTH, kills it."""

    def fragile(
        context: Context, offered: Sequence[v2.TrafficSelector], subnets: Sequence[str]
    ) -> tuple[Selector, ...]:
        for theirs in offered:
            bytearray(theirs.end_port - theirs.start_port + 1)  # one octet for each port, as if it kept a map
        return narrow(context, offered, subnets)

    return HONEST.but("decisions", "narrow", fragile)


PLANTED: Mapping[str, Callable[[], Rules]] = MappingProxyType(
    {"starts-after-a-sequence": _by_sequence, "dies-of-a-sealed-value": _by_value}
)
"""Makes a table by the defect's name; each has a memory of its own."""


class Planted:
    """A target in process with a planted defect."""

    in_process_only = True

    def __init__(self, defect: str) -> None:
        self._rules = PLANTED[defect]
        self.name = f"{PREFIX}{defect}"
        self.version = __version__
        self.abilities = ABILITIES

    def device(self, configuration: Configuration, entropy: Entropy) -> Responder:
        """A fresh responder without sockets, that knows nothing of earlier ones."""
        local = Endpoint(configuration.local_address, 500)
        peer = Endpoint(configuration.peer, 500) if configuration.peer else None
        return Responder(configuration, entropy, self._rules(), local=local, peer=peer)

    def start(self, configuration: Configuration, peer: Endpoint) -> Addresses:  # noqa: ARG002  the contract gives them
        """There is no process to start."""
        raise TargetUnavailable(f"{self.name} is played in process alone")

    def stop(self) -> None:
        """Nothing runs."""


def planted(name: str) -> Any:
    """The target called `planted:DEFECT`, or None if the name is another's."""
    defect = name.removeprefix(PREFIX)
    return Planted(defect) if name.startswith(PREFIX) and defect in PLANTED else None
