"""ESP on real sockets: in UDP for everybody, beside UDP through raw sockets for root."""

import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bench import stage
from harness.bench.catalogue import Entry
from harness.bench.grounds import own_loopback
from harness.bench.links import LinkRefused, UdpLink, UdpPorts, open_esp, without_header
from harness.bench.ports import open_esp_port
from harness.bench.run import Bench, Settings
from harness.bench.stage import LinkKind
from harness.bench.taps import Tap
from harness.case import Case, Findings, Initiator, Script, Trace, that
from harness.clock import WallClock
from harness.record import Verdict
from harness.target.reference import Reference
from harness.wire.datagram import ESP, Datagram, Endpoint
from harness.wire.packet import Echo, echo_datagram, ip_packet


class InUdp(Case):
    """A packet in UDP comes back."""

    requirements = ("RFC7296-2.23-09",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.ping(mark="ping", udp=True)

    def judge(self, trace: Trace) -> Findings:
        yield that(trace.pongs_to("ping"), "the answer").is_present()


class BesideUdp(InUdp):
    """A packet beside UDP comes back."""

    needs = frozenset({"esp"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.ping(mark="ping", udp=False)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench with real sockets and the reference responder as a process of its own."""
    made = Bench(Reference(), Settings(pcaps=tmp_path, link=LinkKind.UDP))
    yield made
    made.close()


def test_the_daemon_carries_esp_in_udp(bench: Bench) -> None:
    """Without any privilege packets go through the daemon's NAT port."""
    played = bench.play(Entry("ikev2/1.2/in-udp", "ikev2", Path(__file__), InUdp))

    assert played.verdict is Verdict.PASS


@pytest.mark.daemon
def test_the_daemon_carries_esp_beside_udp(bench: Bench) -> None:
    """As root packets of protocol 50 go through raw sockets at both ends."""
    played = bench.play(Entry("ikev2/1.2/beside-udp", "ikev2", Path(__file__), BesideUdp))

    assert played.verdict is Verdict.PASS


def test_without_raw_sockets_a_case_that_needs_them_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not have protocol 50 is told that the link lacks it: NOT_APPLICABLE, never a verdict on the target."""
    monkeypatch.setattr(stage, "may_use_raw_sockets", lambda: False)
    played = bench.play(Entry("ikev2/1.2/beside-udp", "ikev2", Path(__file__), BesideUdp))

    assert played.verdict is Verdict.NOT_APPLICABLE
    assert "esp" in played.why


def test_no_permission_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses is told as what it is."""

    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)

    with pytest.raises(LinkRefused, match="no permission to open a raw socket for ESP"):
        open_esp("127.0.0.1")


def test_the_header_that_raw_sockets_give_is_taken_off() -> None:
    """IPv4 comes with its header, options and all; IPv6 without."""
    packet = ip_packet(echo_datagram("192.0.2.1", "192.0.2.2", Echo(False, 1, 1, b"")))
    longer = b"\x46" + packet[1:20] + bytes(4) + packet[20:]

    assert without_header(packet, socket.AF_INET) == packet[20:]
    assert without_header(longer, socket.AF_INET) == packet[20:]
    assert without_header(packet, socket.AF_INET6) == packet
    assert without_header(b"", socket.AF_INET) == b""


@pytest.mark.daemon
@pytest.mark.parametrize("family", [4, 6])
def test_a_raw_socket_goes_there_and_back(family: int, tap: Tap) -> None:
    """A packet of protocol 50 reaches the daemon's raw socket with both addresses, and its answer the peer's."""
    here, address = (own_loopback(8), own_loopback(7)) if family == 4 else ("::1", "::1")
    ports = UdpPorts()
    at = ports.bind_esp(here)
    link = UdpLink(ports, tap, WallClock())
    with open_esp_port(address) as port:
        link.send(Datagram(at, Endpoint(address, 0), b"spi!0001packet", ESP))
        select.select((port.opened,), (), (), 5.0)
        (came,) = [each for each in port.waiting() if each.data.startswith(b"spi!")][:1]
        port.send(Datagram(came.destination, Endpoint(here, 0), b"spi?0001answer", ESP))
        back = next(iter(_received(link)))
    ports.close()

    assert came == Datagram(at, Endpoint(address, 0), b"spi!0001packet", ESP)
    assert back == Datagram(Endpoint(address, 0), at, b"spi?0001answer", ESP)


def _received(link: UdpLink) -> Iterator[Datagram]:
    while (datagram := link.receive(link.now + 5.0)) is not None:
        if datagram.data.startswith(b"spi?"):
            yield datagram
