"""The second tap: what the target sends past the sockets of the peers; it needs root."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bench.catalogue import catalogue
from harness.bench.grounds import own_loopback
from harness.bench.links import UdpPorts
from harness.bench.run import Bench, Settings
from harness.bench.stage import LinkKind
from harness.bench.wiretap import WireTap
from harness.capture import read
from harness.observe import observe
from harness.target.reference import Reference
from harness.wire.datagram import Endpoint

pytestmark = pytest.mark.daemon

TARGET, PEER, STRANGER = (own_loopback(number) for number in (20, 21, 22))


@pytest.fixture
def ports() -> Iterator[UdpPorts]:
    """Sockets in the places of target, peer and stranger."""
    opened = UdpPorts()
    for address in (TARGET, PEER, STRANGER):
        opened.bind(Endpoint(address, 0))
    yield opened
    opened.close()


def said_by_the_target(ports: UdpPorts, *numbers: int) -> tuple[Endpoint, ...]:
    """Have the target's socket say its name to other sockets; all endpoints."""
    endpoints = tuple(ports.sockets)
    for number in numbers:
        ports.sockets[endpoints[0]].sendto(b"said", tuple(endpoints[number]))
    return endpoints


def test_what_no_peer_holds_is_seen_once(ports: UdpPorts) -> None:
    """A datagram of the target to somebody else is seen, and not twice for loopback's two ways."""
    peer = tuple(ports.sockets)[1]
    tap = WireTap([TARGET], [peer])

    said_by_the_target(ports, 2)
    packets = tap.packets()
    tap.close()

    assert [packet[-4:] for packet in packets] == [b"said"]


def test_what_a_peer_holds_is_left_to_its_socket(ports: UdpPorts) -> None:
    """Nothing is in the evidence twice."""
    tap = WireTap([TARGET], tuple(ports.sockets))

    said_by_the_target(ports, 1, 2)
    packets = tap.packets()
    tap.close()

    assert packets == []


def test_others_are_not_listened_to(ports: UdpPorts) -> None:
    """What does not come from the target is no part of the evidence."""
    tap = WireTap([STRANGER], ())

    said_by_the_target(ports, 1)
    packets = tap.packets()
    tap.close()

    assert packets == []


def test_a_tap_with_room_loses_nothing(ports: UdpPorts) -> None:
    """The kernel's counter stays at 0, asked twice."""
    tap = WireTap([TARGET], ())

    said_by_the_target(ports, 1)
    drops = tap.drops(), tap.drops()
    tap.close()

    assert drops == (0, 0)


def test_a_run_over_sockets_is_known_to_be_gap_free(tmp_path: Path) -> None:
    """Both taps count what they lose, so silence on real sockets can be relied upon."""
    bench = Bench(Reference(), Settings(pcaps=tmp_path, link=LinkKind.UDP))
    result = bench.play(catalogue()[0])
    bench.close()
    capture = read(result.capture)

    assert capture.drops == 0
    assert observe(capture, [own_loopback(0)]).gap_free is True
