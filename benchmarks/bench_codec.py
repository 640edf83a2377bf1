"""How fast the codec is beside scapy's, both made to read and to build every octet again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.capture import read
from harness.clock import ProcessorClock
from harness.codes import Exchange
from harness.wire import Message, decode, demultiplex, v2

Timer = Callable[[], float]
Row = tuple[str, float, float, float]

GOLDEN = Path(__file__).parent.parent / "pcaps" / "golden" / "strongswan-ikev2-libipsec.pcap"


def real_request() -> bytes:
    """The IKE_SA_INIT request of a real strongSwan: 1360 octets, two proposals of many transforms."""
    for frame in read(GOLDEN).frames:
        if frame.datagram is None:
            continue
        octets = demultiplex(frame.datagram)[1]
        message = decode(octets)
        if isinstance(message, Message) and message.exchange == Exchange.IKE_SA_INIT:
            return octets
    raise ValueError(f"{GOLDEN} has no IKE_SA_INIT; put the golden capture back")


def small_request() -> bytes:
    """An IKE_SA_INIT request of 224 octets: one proposal, X25519, a nonce, NAT detection, fragmentation."""
    transforms = (
        v2.Transform(1, 12, (v2.Attribute(14, 256),)),
        v2.Transform(2, 5),
        v2.Transform(3, 12),
        v2.Transform(4, 31),
        v2.Transform(4, 14),
    )
    payloads = (
        v2.SecurityAssociation((v2.Proposal(1, 1, b"", transforms),)),
        v2.KeyExchange(31, bytes(range(32))),
        v2.Nonce(bytes(range(32))),
        v2.Notify(notify_type=16388, data=bytes(range(20))),
        v2.Notify(notify_type=16389, data=bytes(range(20))),
        v2.Notify(notify_type=16430),
    )
    return Message(b"initiate", bytes(8), 34, 0x08, 0, payloads).encode()


def _rate(action: Callable[[], Any], timer: Timer, seconds: float) -> float:
    """Calls a second, over at least `seconds`."""
    calls, batch = 0, 1
    started = timer()
    while (elapsed := timer() - started) < seconds:
        for _ in range(batch):
            action()
        calls += batch
        batch = min(batch * 2, 512)
    return calls / elapsed


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _tasks(octets: bytes, packet_class: Any) -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """What is measured, by us and by scapy; both are seen to give the same octets first."""

    def rebuild(packet: Any) -> bytes:
        packet.clear_cache()  # else scapy hands back the octets it was given
        return bytes(packet)

    ours, theirs = decode(octets), packet_class(octets)
    assert ours.encode() == rebuild(theirs) == octets
    return [
        ("decode", lambda: decode(octets), lambda: packet_class(octets)),
        ("encode", ours.encode, lambda: rebuild(theirs)),
        ("decode and encode", lambda: decode(octets).encode(), lambda: rebuild(packet_class(octets))),
    ]


def codec_ratio(timer: Timer | None = None, *, seconds: float = 0.05, pairs: int = 25) -> list[Row]:
    """Per task its name, our rate, scapy's (calls a second, medians of alternating pairs) and their ratio."""
    from scapy.contrib.ikev2 import IKEv2  # half a second of import, only when asked for

    clock = timer or ProcessorClock().now
    rows = []
    for name, octets in (
        ("strongSwan's IKE_SA_INIT", real_request()),
        ("small IKE_SA_INIT", small_request()),
    ):
        for task, mine, other in _tasks(octets, IKEv2):
            rates = [(_rate(mine, clock, seconds), _rate(other, clock, seconds)) for _ in range(pairs)]
            ratio = _median([a / b for a, b in rates])
            rows.append(
                (f"{name}, {task}", _median([a for a, _ in rates]), _median([b for _, b in rates]), ratio)
            )
    return rows


if __name__ == "__main__":
    for title, ours_per_s, other_per_s, times in codec_ratio():
        print(f"{title:44} {ours_per_s:10.0f}/s  scapy {other_per_s:8.0f}/s  {times:6.1f} times")
