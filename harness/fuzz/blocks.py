"""boofuzz models of IKE_SA_INIT and of IKE_AUTH under a good seal; beside harness/wire/boofuzz_blocks.py the only user of boofuzz.

boofuzz enumerates mutations of the declared fields; what it renders becomes a move of the play at hand, so that the
keys are live, all of it is captured, and a find is a script. Its own loop is kept on a short lead: one mutation at a
time, nothing written to disk, no web page, and no failure told to it, for then it would sleep.
"""

from collections.abc import Callable, Iterator
from typing import Any

from boofuzz import Session, Target
from boofuzz.blocks import Request
from boofuzz.connections import ITargetConnection
from boofuzz.monitors import BaseMonitor

from harness.clock import SeededEntropy
from harness.codes import (
    AuthMethod,
    Esn,
    NotifyType,
    Protocol,
    TransformType,
    TsType,
)
from harness.crypto import KeyExchange
from harness.fuzz.moves import AUTH_STANDS_HERE, Move
from harness.fuzz.play import Play
from harness.profile import DEFAULT
from harness.wire import Message, Payload, v2
from harness.wire.boofuzz_blocks import chain_blocks, message_request

UDP_PROTOCOL = 17
CHECK_EACH = 25
"""After so many mutations a stranger asks whether the target lives; boofuzz cannot see a dead UDP target."""
AUTH, INIT = "IKE_AUTH", "IKE_SA_INIT"
STATES = {INIT: "unauthenticated", AUTH: "half-open"}
"""What a mutation of each model meets."""


class Sampled(Request):  # type: ignore[misc]  # boofuzz is untyped
    """A request of which only chosen mutations are made; they are counted once, not before each case."""

    def __init__(self, name: str, children: Any, go_on: Callable[[], bool]) -> None:
        super().__init__(name, children=children)
        self.total = sum(1 for _ in super().get_mutations())
        self.chosen: frozenset[int] = frozenset()
        self._go_on = go_on

    def get_mutations(self, default_value: object = None, skip_elements: object = None) -> Iterator[Any]:
        """The chosen mutations, in their order, as long as the campaign goes on."""
        for number, each in enumerate(super().get_mutations(default_value, skip_elements)):
            if number in self.chosen:
                if not self._go_on():
                    return
                yield each

    def get_num_mutations(self) -> int:
        """How many are chosen."""
        return len(self.chosen)


class _Line(ITargetConnection):  # type: ignore[misc]  # boofuzz is untyped
    """What boofuzz takes for a connection: each rendering becomes a move."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def open(self) -> None:
        """The play is open."""

    def close(self) -> None:
        """And stays so."""

    def send(self, data: bytes) -> int:
        """Make the move."""
        self._send(data)
        return len(data)

    def recv(self, max_bytes: int) -> bytes:  # noqa: ARG002  boofuzz gives it
        """Answers go into the capture, not to boofuzz."""
        return b""

    @property
    def info(self) -> str:
        """Its name in boofuzz's own words."""
        return "play"


class _Alive(BaseMonitor):  # type: ignore[misc]  # boofuzz is untyped
    """Asks as a stranger from time to time; the death is for the campaign to judge, boofuzz is told nothing of it."""

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__()
        self._check = check

    def post_send(self, target: Any = None, fuzz_data_logger: Any = None, session: Any = None) -> bool:  # noqa: ARG002  boofuzz gives them
        """Look after the target."""
        self._check()
        return True


class Blocks:
    """One model's mutations, sampled by a seed without repetition until all were made."""

    def __init__(self, name: str, entropy: SeededEntropy) -> None:
        self.name = name
        self._go_on: Callable[[], bool] = lambda: True
        children = (
            chain_blocks(auth_payloads()) if name == AUTH else message_request(init_message(), name).stack
        )
        self._request = Sampled(name, children, lambda: self._go_on())
        self._order = list(range(self._request.total))
        entropy.shuffle(self._order)
        self._next = 0

    @property
    def total(self) -> int:
        """How many mutations the model has."""
        return self._request.total

    def run(self, play: Play, count: int, told: Callable[[str], None], go_on: Callable[[], bool]) -> None:
        """Make the next `count` mutations on the play, as long as the target lives and `go_on` says so."""
        if self._next >= self.total:
            self._next = 0
        self._request.chosen = frozenset(self._order[self._next : self._next + count])
        self._next += count
        made, dead = 0, False

        def send(octets: bytes) -> None:
            nonlocal made
            made += 1
            play.do(self._move(octets))
            told(STATES[self.name])

        def check() -> None:
            nonlocal dead
            dead = play.crashed is not None or (made % CHECK_EACH == 0 and not play.answers())

        self._go_on = lambda: not dead and go_on()
        session = Session(
            target=Target(_Line(send), monitors=[_Alive(check)]),
            web_port=None,
            keep_web_open=False,
            fuzz_loggers=[],
            db_filename=":memory:",
            receive_data_after_each_request=False,
            receive_data_after_fuzz=False,
            reuse_target_connection=True,
        )
        session.connect(self._request)
        session.fuzz(max_depth=1)

    def _move(self, octets: bytes) -> Move:
        if self.name == INIT:
            return {"do": "send", "octets": octets.hex(), "from": "ike", "to": "ike"}
        return {"do": "auth", "first": auth_payloads()[0].type, "octets": octets.hex()}


def init_message() -> Message:
    """A valid IKE_SA_INIT request whose contents are the same each time."""
    entropy = SeededEntropy("blocks")
    suite = DEFAULT.proposals_v2[0]
    transforms = (
        v2.Transform(TransformType.ENCR, suite.encr, (v2.Attribute(14, suite.key_bits or 0),)),
        v2.Transform(TransformType.PRF, suite.prf),
        v2.Transform(TransformType.KE, suite.group),
    )
    private = KeyExchange(suite.group).private(entropy)
    payloads = (
        v2.SecurityAssociation((v2.Proposal(1, Protocol.IKE, b"", transforms),)),
        v2.KeyExchange(suite.group, private.public),
        v2.Nonce(entropy.octets(32)),
        v2.Notify(Protocol.NONE, NotifyType.NAT_DETECTION_SOURCE_IP, b"", entropy.octets(20)),
    )
    return Message(entropy.octets(8), bytes(8), 34, 0x08, 0, payloads)


def auth_payloads() -> tuple[Payload, ...]:
    """What a valid IKE_AUTH request holds, narrowed to one protocol and its upper ports; its AUTH goes in when it is sealed."""
    who = DEFAULT.mirrored().local_id
    suite = DEFAULT.child_proposals[0]
    transforms = (
        v2.Transform(TransformType.ENCR, suite.encr, (v2.Attribute(14, suite.key_bits or 0),)),
        v2.Transform(TransformType.ESN, Esn.NO_ESN),
    )
    return (
        v2.IdInitiator(who.id_type, who.data),
        v2.Authentication(AuthMethod.SHARED_KEY, AUTH_STANDS_HERE),
        v2.SecurityAssociation((v2.Proposal(1, Protocol.ESP, b"\xc1\xc2\xc3\xc4", transforms),)),
        v2.TrafficSelectorsI((_upper_ports(203, 113),)),
        v2.TrafficSelectorsR((_upper_ports(198, 100),)),
        v2.Notify(Protocol.NONE, NotifyType.INITIAL_CONTACT, b"", b""),
    )


def _upper_ports(first: int, third: int) -> v2.TrafficSelector:
    subnet = bytes([first, {203: 0, 198: 51}[first], third])
    return v2.TrafficSelector(
        TsType.TS_IPV4_ADDR_RANGE, UDP_PROTOCOL, 1024, 65_535, subnet + b"\0", subnet + b"\xff"
    )
