"""Captures read as conversations with a target: whose frame, which kind, which mark, how far silence counts."""

import pytest

from harness.capture import Writer, read
from harness.capture.frame import Capture, Frame
from harness.capture.streams import Segments
from harness.codes import Exchange
from harness.observe import NO_SPI, conversation, observe
from harness.wire import Message, v2
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint, Kind
from harness.wire.packet import TCP

TARGET, PEER = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
TARGET_NAT, PEER_NAT = Endpoint("192.0.2.1", 4500), Endpoint("192.0.2.2", 4500)
REQUEST = Message(b"initiat1", NO_SPI, Exchange.IKE_SA_INIT, 0x08, 0, (v2.Nonce(b"n" * 32),)).encode()
ANSWER = Message(b"initiat1", b"respond1", Exchange.IKE_SA_INIT, 0x20, 0, (v2.Nonce(b"m" * 32),)).encode()


def a_capture(*datagrams, opening=None, closing=None, drops=None, comments=(), interfaces=None, **more):
    """A capture of datagrams, one a second."""
    frames = tuple(
        Frame(n, float(n), each, comments, n, each.data, None, interfaces[n - 1] if interfaces else 0)
        for n, each in enumerate(datagrams, 1)
    )
    return Capture("", "pcapng", opening, frames, (), closing, drops, (), **{"cut_off": False, **more})


def kinds(*datagrams, **how):
    """The kinds of datagrams, as observed."""
    return [each.kind for each in observe(a_capture(*datagrams, **how), ["192.0.2.1"]).seen]


def test_frames_are_sorted_by_side():
    """What leaves a target's address is the target's; what goes between others is left out."""
    third = Datagram(Endpoint("192.0.2.8", 500), Endpoint("192.0.2.9", 500), REQUEST[:8] + ANSWER)

    trace = observe(
        a_capture(Datagram(PEER, TARGET, REQUEST), third, Datagram(TARGET, PEER, ANSWER)), ["192.0.2.1"]
    )

    assert [(each.number, each.from_target) for each in trace.seen] == [(1, False), (3, True)]


def test_addresses_are_compared_as_addresses():
    """IPv6 addresses match however they are written."""
    six = Datagram(Endpoint("2001:db8::2", 500), Endpoint("2001:db8::1", 500), REQUEST)

    assert observe(a_capture(six), ["2001:0DB8:0::0001"]).datagrams == 1


def test_what_is_no_address_is_refused():
    """A name instead of an address is the caller's error."""
    with pytest.raises(ValueError, match="router"):
        observe(a_capture(), ["router"])


def test_the_non_esp_marker_is_taken_off():
    """On port 4500 four zero octets mark IKE, one octet FF is a keepalive, the rest is ESP."""
    ike = Datagram(PEER_NAT, TARGET_NAT, bytes(4) + REQUEST)
    keepalive = Datagram(PEER_NAT, TARGET_NAT, b"\xff")
    esp = Datagram(PEER_NAT, TARGET_NAT, b"spi1\0\0\0\1data")

    assert kinds(ike, keepalive, esp) == [Kind.IKE, Kind.KEEPALIVE, Kind.ESP]


def test_port_500_has_no_marker():
    """Between 4500 and 500 IKE goes without marker: ESP is not spoken on 500."""
    assert kinds(Datagram(PEER_NAT, TARGET, REQUEST)) == [Kind.IKE]


def test_foreign_ports_are_not_ike():
    """In a foreign capture DNS is no IKE; in evidence of the harness every UDP port may be."""
    elsewhere = Datagram(Endpoint("192.0.2.2", 53), Endpoint("192.0.2.1", 5353), REQUEST)

    assert kinds(elsewhere) == [Kind.OTHER]
    assert kinds(elsewhere, opening={"format": 1}) == [Kind.IKE]


def test_a_translated_port_is_ike():
    """One end on 500 or 4500 is enough: a NAT may have changed the other."""
    assert kinds(Datagram(Endpoint("192.0.2.2", 60032), TARGET, REQUEST)) == [Kind.IKE]


def test_evidence_names_its_ports():
    """Ports with the non-ESP marker are those that the opening names."""
    high = Datagram(Endpoint("192.0.2.2", 40001), Endpoint("192.0.2.1", 45000), bytes(4) + REQUEST)

    trace = observe(a_capture(high, opening={"format": 1, "nat_ports": [45000]}), ["192.0.2.1"])

    assert trace.seen[0].header.spi_i == b"initiat1"


def test_marks_are_read_from_comments():
    """Packet comments give marks, and whether an answer is due or nothing is claimed."""
    trace = observe(
        a_capture(Datagram(PEER, TARGET, REQUEST), comments=("mark: probe", "due", "hostile")), ["192.0.2.1"]
    )

    seen = trace.seen[0]
    assert (seen.marks, seen.due, seen.hostile) == (("probe",), True, True)


def test_a_second_tap_counts_nothing_twice():
    """What the second interface of the harness's own evidence saw as well is left out; what it saw alone stays."""
    request, stray = Datagram(PEER, TARGET, REQUEST), Datagram(TARGET, Endpoint("192.0.2.77", 500), REQUEST)

    trace = observe(
        a_capture(request, request, stray, opening={"format": 1}, interfaces=(0, 1, 1)), ["192.0.2.1"]
    )

    assert [each.number for each in trace.seen] == [1, 3]


def test_short_datagrams_have_no_header():
    """Fewer than 28 octets on an IKE port are kept, with the reason why they are no message."""
    seen = observe(a_capture(Datagram(PEER, TARGET, b"short")), ["192.0.2.1"]).seen[0]

    assert seen.header is None
    assert seen.message is None
    assert "no IKE header" in seen.why


def test_own_evidence_without_its_end_is_cut_off():
    """Without a closing block, or with one that says so, the harness's own evidence is cut off; a foreign one is not."""
    datagram = Datagram(PEER, TARGET, REQUEST)
    own = {"opening": {"format": 1}, "drops": 0}

    assert observe(a_capture(datagram, **own), ["192.0.2.1"]).cut_off
    assert observe(a_capture(datagram, **own, closing={"finished": False}), ["192.0.2.1"]).cut_off
    assert not observe(a_capture(datagram, **own, closing={"finished": True}), ["192.0.2.1"]).cut_off
    assert not observe(a_capture(datagram), ["192.0.2.1"]).cut_off


def test_what_was_written_is_observed(tmp_path):
    """A file that the writer made gives back marks, window, triggers and counters."""
    with Writer(tmp_path / "case.pcapng", {"format": 1}) as writer:
        writer.packet(1.0, Datagram(PEER, TARGET, REQUEST), comments=("mark: first", "due"), inbound=True)
        writer.packet(1.5, Datagram(TARGET, PEER, ANSWER), inbound=False)
        writer.close({"finished": True, "window_s": 12.5, "triggers": ["boot"], "observations": []}, drops=0)

    trace = observe(read(tmp_path / "case.pcapng"), ["192.0.2.1"])

    assert trace.reply_to("first").find(v2.Nonce).data.value == b"m" * 32
    assert (trace.window_s, trace.triggers, trace.gap_free) == (12.5, ("boot",), True)


def test_a_conversation_is_told_in_rows():
    """Each frame is a row: time from the first, both ends by name, the message in a line, its payloads."""
    told = conversation(
        observe(
            a_capture(
                Datagram(PEER, TARGET, REQUEST),
                Datagram(TARGET, PEER, ANSWER),
                opening={"format": 1, "cast": {"alice": ["192.0.2.2:500", "192.0.2.2:4500"]}},
            ),
            ["192.0.2.1"],
        )
    )

    assert [(row.frame, row.time, row.sender, row.receiver) for row in told] == [
        (1, 0.0, "alice", "target"),
        (2, 1.0, "target", "alice"),
    ]
    assert told[0].line == "IKE_SA_INIT request 0 { Nonce }"
    assert told[0].payloads[0].startswith("Nonce(data=6e6e")


def test_rows_are_printable():
    """Names and content from outside reach a terminal escaped."""
    told = conversation(
        observe(
            a_capture(
                Datagram(PEER, TARGET, REQUEST),
                opening={"format": 1, "cast": {"\x1b[2J": "192.0.2.2"}},
                comments=("mark: \x07bell",),
            ),
            ["192.0.2.1"],
        )
    )

    assert told[0].sender == "\\x1b[2J"
    assert told[0].marks == ("\\x07bell",)


def test_other_datagrams_are_rows_too():
    """Keepalives, ESP and what is no IKE have a line each."""
    told = conversation(
        observe(
            a_capture(
                Datagram(PEER_NAT, TARGET_NAT, b"\xff"),
                Datagram(PEER_NAT, TARGET_NAT, b"spi1\0\0\0\x07data"),
                Datagram(PEER, TARGET, b"\x1b[2J"),
            ),
            ["192.0.2.1"],
        )
    )

    assert [row.line for row in told] == [
        "NAT keepalive",
        "ESP, SPI 73706931, number 7",
        "IKE port, no header: 4 octets 1b5b324a",
    ]


def test_a_connection_is_told_with_its_messages():
    """Segments that complete no message are told by their flags, and a message says that it came over TCP."""
    ports = (500).to_bytes(2, "big") * 2
    syn = Datagram(PEER, TARGET, ports + bytes(8) + b"\x50\x02" + bytes(6), TCP)
    segments = Segments().of(Datagram(PEER, TARGET, bytes(4) + REQUEST, TCP_STREAM))
    told = conversation(observe(a_capture(syn, *segments), ["192.0.2.1"]))

    assert [row.line for row in told] == [
        "TCP SYN: 0 octets",
        "IKE_SA_INIT request 0 { Nonce } (over TCP)",
    ]


def test_what_passed_the_target_by_is_a_row_too():
    """A message of the target's SA between other addresses stands where it was captured, with both ends."""
    away = Endpoint("192.0.2.9", 500)
    told = conversation(
        observe(
            a_capture(
                Datagram(PEER, TARGET, REQUEST), Datagram(away, PEER, ANSWER), Datagram(TARGET, PEER, ANSWER)
            ),
            ["192.0.2.1"],
        )
    )

    assert [(row.sender, row.receiver) for row in told] == [
        ("192.0.2.2:500", "target"),
        ("192.0.2.9:500", "192.0.2.2:500"),
        ("target", "192.0.2.2:500"),
    ]
