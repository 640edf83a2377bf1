"""Reading takes work in proportion to the octets read, counted in interpreter steps instead of seconds."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from harness.wire import Message, decode, v1, v2
from harness.wire.fields import Structure

HEADER = Message(bytes(8), bytes(8), 35, 0, 0)


def message(*payloads: Any, version: int = 0x20) -> bytes:
    """The octets of a message with these payloads."""
    return Message(bytes(8), bytes(8), 35, 0, 0, payloads, version).encode()


def cut_last(octets: bytes) -> bytes:
    """The same with a last payload that turns out malformed in its last part."""
    return octets[:-1] + bytes([octets[-1] ^ 0xFF])


WORST: dict[str, Callable[[int], bytes]] = {
    "empty payloads": lambda n: message(*[v2.Nonce(b"")] * n),
    "empty proposals": lambda n: message(v2.SecurityAssociation((v2.Proposal(),) * n)),
    "transforms": lambda n: message(
        v2.SecurityAssociation((v2.Proposal(transforms=(v2.Transform(1, 1),) * n, transform_count=0),))
    ),
    "attributes": lambda n: message(
        v2.SecurityAssociation((v2.Proposal(transforms=(v2.Transform(1, 1, (v2.Attribute(1, b""),) * n),)),))
    ),
    "SPIs of one octet": lambda n: message(v2.Delete(3, None, (b"\x01",) * (4 * n))),
    "selectors without addresses": lambda n: message(
        v2.TrafficSelectorsI((v2.TrafficSelector(7, start=b"", end=b""),) * n, count=0)
    ),
    "configuration attributes": lambda n: message(v2.Configuration(1, (v2.ConfigurationAttribute(1),) * n)),
    "payloads that break at their end": lambda n: message(*[v2.Delete(3, 4, (b"\x01" * 5,))] * n),
    "a list that breaks at its end": lambda n: message(
        v2.SecurityAssociation((*(v2.Proposal(),) * n, v2.Proposal(length=9)))
    ),
    "one long attribute": lambda n: message(
        v2.Configuration(1, (v2.ConfigurationAttribute(1, bytes(4 * n)),))
    ),
    "version 1 transforms": lambda n: message(
        v1.SecurityAssociation(proposals=(v1.Proposal(transforms=(v1.Transform(),) * n, transform_count=0),)),
        version=0x10,
    ),
    "version 1 notifies": lambda n: message(*[v1.Notify()] * n, version=0x10),
    "unknown payloads": lambda n: message(*[v1.Nonce(b"")] * n),
    "noise after the header": lambda n: HEADER.encode() + bytes(4 * n),
}


def steps(action: Callable[[], object]) -> int:
    """The bytecode instructions that `action` executes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def held(value: Any) -> int:
    """All octets that a decoded value holds on to."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, tuple):
        return sum(map(held, value))
    if isinstance(value, Structure):
        return sum(held(getattr(value, name)) for name in value.NAMES)
    return 0


@pytest.mark.parametrize("name", WORST)
def test_twice_the_octets_take_twice_the_steps(name: str) -> None:
    """Four times as many parts cost at most four times the steps, whatever the parts are."""
    few, many = WORST[name](200), WORST[name](800)

    per_octet = [steps(lambda: decode(octets)) / len(octets) for octets in (few, many)]  # noqa: B023  # called at once

    assert per_octet[1] <= per_octet[0] * 1.05


@pytest.mark.parametrize("name", WORST)
def test_steps_per_octet_are_bounded(name: str) -> None:
    """No shape of message costs more than sixty steps an octet beyond a fixed start."""
    octets = WORST[name](800)

    assert steps(lambda: decode(octets)) <= 2000 + 60 * len(octets)


@pytest.mark.parametrize("name", WORST)
def test_each_octet_is_kept_at_most_once(name: str) -> None:
    """A decoded message holds no more octets than came, so nothing is copied into every part."""
    octets = WORST[name](400)
    read = decode(octets)
    assert isinstance(read, Message)

    kept = len(read.trailing) + sum(held(getattr(p, n)) for p in read.payloads for n in p.NAMES)

    assert kept <= len(octets)


@pytest.mark.parametrize("name", WORST)
def test_writing_takes_steps_in_proportion(name: str) -> None:
    """Encoding four times as many parts costs at most four times the steps."""
    few, many = decode(WORST[name](200)), decode(WORST[name](800))

    per_octet = [steps(read.encode) / len(read.encode()) for read in (few, many)]

    assert per_octet[1] <= per_octet[0] * 1.05


def test_a_deep_chain_is_no_recursion() -> None:
    """Sixteen thousand payloads in one datagram are read one by one, to the last."""
    read = decode(message(*[v2.Nonce(b"")] * 16_000))
    assert isinstance(read, Message)

    assert len(read.payloads) == 16_000
