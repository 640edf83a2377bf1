"""How fast the codec is beside scapy's, both made to read and to build every octet again."""

from collections.abc import Callable
from typing import Any

from harness.clock import WallClock
from harness.wire import Message, decode, v2

Timer = Callable[[], float]
Row = tuple[str, float, float, float]


def ike_sa_init() -> bytes:
    """An IKE_SA_INIT request of 242 octets: one proposal, X25519, a nonce, NAT detection, fragmentation."""
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


def codec_ratio(timer: Timer | None = None, *, seconds: float = 0.05, pairs: int = 25) -> list[Row]:
    """Per task its name, our rate, scapy's (calls a second, medians of alternating pairs) and their ratio."""
    from scapy.contrib.ikev2 import IKEv2

    clock = timer or WallClock().now
    octets = ike_sa_init()
    ours = decode(octets)
    theirs = IKEv2(octets)

    def rebuild(packet: Any) -> bytes:
        packet.clear_cache()  # else scapy hands back the octets it was given
        return bytes(packet)

    assert ours.encode() == octets
    assert rebuild(theirs) == octets
    tasks: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        ("IKE_SA_INIT decode", lambda: decode(octets), lambda: IKEv2(octets)),
        ("IKE_SA_INIT encode", ours.encode, lambda: rebuild(theirs)),
        ("IKE_SA_INIT decode and encode", lambda: decode(octets).encode(), lambda: rebuild(IKEv2(octets))),
    ]
    rows = []
    for name, mine, other in tasks:
        rates = [(_rate(mine, clock, seconds), _rate(other, clock, seconds)) for _ in range(pairs)]
        our_rate, their_rate = _median([a for a, _ in rates]), _median([b for _, b in rates])
        rows.append((name, our_rate, their_rate, _median([a / b for a, b in rates])))
    return rows


if __name__ == "__main__":
    for task, ours_per_s, other_per_s, ratio in codec_ratio():
        print(f"{task:32} {ours_per_s:10.0f}/s  scapy {other_per_s:8.0f}/s  {ratio:6.1f} times")
