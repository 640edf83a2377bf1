"""Captures written by hand, a message at a time, for judges to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harness.capture.frame import Capture, Frame
from harness.codes import Exchange, ProfileName
from harness.observe import Trace, observe
from harness.oracle import STANDING
from harness.profile import PROFILES
from harness.record import Finding
from harness.sa import v2 as sa
from harness.sa.secrets import to_evidence
from harness.wire import Message, frame, v2
from harness.wire.datagram import Datagram, Endpoint
from harness.wire.fields import Ciphertext, Payload

TARGET = Endpoint("192.0.2.1", 500)
PEER = Endpoint("192.0.2.2", 500)
SPI_I, SPI_R, NONE = b"initiat1", b"respond1", bytes(8)
OPENING = {"format": 1, "link": "virtual"}
CLOSING = {"finished": True, "window_s": 60.0, "triggers": ["boot"], "observations": []}
SUITE = sa.Suite(encr=20, key_bits=256, integ=0, prf=5, group=31)
SEALED = v2.Encrypted(b"sealed octets without keys")


@dataclass
class Line:
    """Frames of a peer and the target; each call is one more datagram, a tenth of a second after the last."""

    frames: list[Frame] = field(default_factory=list)
    now: float = 1000.0
    foreign: bool = False
    drops: int | None = 0
    secrets: tuple[dict[str, Any], ...] = ()
    opening: dict[str, Any] = field(default_factory=lambda: dict(OPENING))
    closing: dict[str, Any] | None = field(default_factory=lambda: dict(CLOSING))

    def octets(
        self,
        octets: bytes,
        *,
        by_target: bool,
        ways: tuple[Endpoint, Endpoint] = (PEER, TARGET),
        comments: Sequence[str] = (),
        after: float = 0.1,
        ip_id: int | None = None,
    ) -> int:
        """One datagram; `ways` are the peer's endpoint and the target's. The frame's number."""
        self.now += after
        number = len(self.frames) + 1
        source, destination = reversed(ways) if by_target else ways
        datagram = Datagram(source, destination, frame(octets, natt=4500 in (ways[0].port, ways[1].port)))
        told = number if ip_id is None else ip_id
        self.frames.append(Frame(number, self.now, datagram, tuple(comments), told, datagram.data, None))
        return number

    def _v2(
        self,
        exchange: int,
        message_id: int,
        flags: int,
        by_target: bool,
        change: dict[str, Any],
        how: dict[str, Any],
    ) -> int:
        payloads = (SEALED,) if exchange != Exchange.IKE_SA_INIT else (v2.Nonce(bytes(32)),)
        message = Message(SPI_I, SPI_R, exchange, flags, message_id, payloads)
        return self.octets(replace_message(message, change).encode(), by_target=by_target, **how)

    def asks(
        self, exchange: int, message_id: int = 0, how: dict[str, Any] | None = None, **change: Any
    ) -> int:
        """A request of version 2 by the peer, who is the original initiator."""
        return self._v2(exchange, message_id, 0x08, False, change, how or {})

    def answers(
        self, exchange: int, message_id: int = 0, how: dict[str, Any] | None = None, **change: Any
    ) -> int:
        """A response of the target, the original responder."""
        return self._v2(exchange, message_id, 0x20, True, change, how or {})

    def starts(
        self, exchange: int, message_id: int = 0, how: dict[str, Any] | None = None, **change: Any
    ) -> int:
        """A request of the target, the original responder."""
        return self._v2(exchange, message_id, 0x00, True, change, how or {})

    def obeys(
        self, exchange: int, message_id: int = 0, how: dict[str, Any] | None = None, **change: Any
    ) -> int:
        """A response of the peer, the original initiator."""
        return self._v2(exchange, message_id, 0x28, False, change, how or {})

    def says(
        self,
        exchange: int,
        message_id: int,
        *inner: Payload,
        by_target: bool,
        flags: int,
        spis: tuple[bytes, bytes] = (SPI_I, SPI_R),
        **how: Any,
    ) -> int:
        """A message that is sealed under keys which lie in the capture."""
        keys = sa.ike_keys(SUITE, *spis, b"i" * 32, b"r" * 32, b"shared")
        if (evidence := to_evidence(keys)) not in self.secrets:
            self.secrets = (*self.secrets, evidence)
        message = Message(*spis, exchange, flags, message_id)
        iv = len(self.frames).to_bytes(sa.iv_size(SUITE), "big")
        octets = sa.seal(message, keys, by_initiator=bool(flags & 0x08), iv=iv, inner=inner)
        return self.octets(octets, by_target=by_target, **how)

    def connects_openly(self, asked: tuple[Payload, ...] = (), told: tuple[Payload, ...] = ()) -> None:
        """IKE_SA_INIT and IKE_AUTH whose keys are known, with these payloads in IKE_AUTH: frames 1 to 4."""
        self.asks(Exchange.IKE_SA_INIT, spi_r=NONE)
        self.answers(Exchange.IKE_SA_INIT)
        self.says(Exchange.IKE_AUTH, 1, *asked, by_target=False, flags=0x08)
        self.says(Exchange.IKE_AUTH, 1, *told, by_target=True, flags=0x20)

    def connects(self) -> None:
        """IKE_SA_INIT and IKE_AUTH as they should be: frames 1 to 4."""
        self.asks(Exchange.IKE_SA_INIT, spi_r=NONE)
        self.answers(Exchange.IKE_SA_INIT)
        self.asks(Exchange.IKE_AUTH, 1)
        self.answers(Exchange.IKE_AUTH, 1)

    def v1(
        self,
        exchange: int,
        text: bytes,
        *,
        by_target: bool = False,
        message_id: int = 0,
        cookies: tuple[bytes, bytes] = (SPI_I, SPI_R),
        clear: tuple[Payload, ...] | None = None,
        **how: Any,
    ) -> int:
        """A message of version 1, encrypted unless `clear` has payloads."""
        payloads = (Ciphertext(8, text.ljust(32)),) if clear is None else clear
        flags = 0x01 if clear is None else 0x00
        message = Message(*cookies, exchange, flags, message_id, payloads, version=0x10)
        return self.octets(message.encode(), by_target=by_target, **how)

    def main_mode(self) -> None:
        """Main Mode, begun by the peer: frames 1 to 6."""
        from harness.wire import v1

        self.v1(2, b"", cookies=(SPI_I, NONE), clear=(v1.SecurityAssociation(),))
        self.v1(2, b"", by_target=True, clear=(v1.SecurityAssociation(),))
        self.v1(2, b"", clear=(v1.KeyExchange(b"\1" * 16), v1.Nonce(b"i" * 16)))
        self.v1(2, b"", by_target=True, clear=(v1.KeyExchange(b"\2" * 16), v1.Nonce(b"r" * 16)))
        self.v1(2, b"MM5")
        self.v1(2, b"MM6", by_target=True)

    def capture(self) -> Capture:
        """What a reader would give."""
        own = not self.foreign
        return Capture(
            path="by-hand.pcapng",
            format="pcapng",
            opening=self.opening if own else None,
            frames=tuple(self.frames),
            secrets=self.secrets,
            closing=self.closing if own else None,
            drops=self.drops if own else None,
            problems=(),
            cut_off=False,
        )

    def trace(self) -> Trace:
        """What the observer makes of it."""
        return observe(self.capture(), ["192.0.2.1"])


def replace_message(message: Message, change: dict[str, Any]) -> Message:
    """The message with other fields."""
    return replace(message, **change) if change else message


@pytest.fixture
def line() -> Line:
    """An empty capture of the harness's own, of a link whose tap stands at the target's end."""
    return Line()


@pytest.fixture
def foreign() -> Line:
    """An empty capture that somebody else took, without drop counters."""
    return Line(foreign=True, drops=None)


@pytest.fixture
def check() -> Callable[..., tuple[Finding, ...]]:
    """What the standing rule of that id finds in a line's capture, under a profile."""

    def run(rule: str, line: Line, profile: ProfileName = ProfileName.STRICT) -> tuple[Finding, ...]:
        return next(each for each in STANDING if each.id == rule).check(line.trace(), PROFILES[profile])

    return run
