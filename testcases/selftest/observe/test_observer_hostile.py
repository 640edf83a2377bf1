"""No octets make the observer, a standing rule or the telling of a conversation throw."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from harness.capture.frame import Capture, Frame
from harness.capture.reader import read
from harness.capture.wireshark import read_table
from harness.clock import SeededEntropy
from harness.codes import ProfileName
from harness.observe import conversation, observe
from harness.oracle import audit, standing_findings
from harness.profile import PROFILES
from harness.wire.datagram import Datagram, Endpoint

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
TARGET, PEER = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
COMMENTS = some.lists(
    some.sampled_from(["mark: control", "mark: probe", "due", "hostile", "mark: "]), max_size=3
)
HEADERS = some.builds(
    lambda spis, rest: spis + rest,
    some.sampled_from([b"initiat1" + bytes(8), b"initiat1respond1", bytes(16), b"respond1initiat1"]),
    some.binary(min_size=12, max_size=60),
)
PLAUSIBLE = some.builds(
    lambda spis, first, version, exchange, flags, message_id, body: (
        spis
        + bytes([first, version, exchange, flags])
        + message_id.to_bytes(4, "big")
        + (28 + len(body)).to_bytes(4, "big")
        + body
    ),
    some.sampled_from([b"initiat1" + bytes(8), b"initiat1respond1", b"initiat2respond2"]),
    some.sampled_from([0, 1, 8, 11, 33, 41, 46, 53, 132, 255]),
    some.sampled_from([0x10, 0x20, 0x30, 0x00]),
    some.sampled_from([2, 4, 5, 6, 32, 33, 34, 35, 36, 37, 38, 43, 44, 240]),
    some.sampled_from([0, 1, 8, 0x20, 0x28, 0x09]),
    some.integers(0, 3),
    some.binary(max_size=40),
)
CONVERSATIONS = some.lists(
    some.tuples(some.booleans(), some.one_of(PLAUSIBLE, HEADERS, some.binary(max_size=40)), COMMENTS),
    max_size=12,
)


def judge_all(capture, devices, secrets=()):
    """Everything that is ever done with a capture."""
    for profile in ProfileName:
        audit(capture, devices, PROFILES[profile], secrets=secrets)
    trace = observe(capture, devices, secrets)
    standing_findings(trace, PROFILES[ProfileName.STRICT])
    for mark in ("probe", "control", ""):
        trace.reply_to(mark)
        trace.replies_to(mark)
        trace.sent_after(mark)
    for row in conversation(trace):
        assert all(text.isprintable() for text in (row.line, *row.payloads, *row.marks, row.sender))


@pytest.mark.parametrize("own", [True, False])
@settings(max_examples=60, deadline=None)
@given(told=CONVERSATIONS)
def test_any_conversation_is_judged(own, told):
    """Messages with plausible headers and any content, in any order, are judged without a word of Python's."""
    frames = []
    for number, (by_target, octets, comments) in enumerate(told, 1):
        ends = (TARGET, PEER) if by_target else (PEER, TARGET)
        frames.append(Frame(number, number / 3, Datagram(*ends, octets), tuple(comments), 0, octets, None))
    opening, drops = ({"format": 1}, 0) if own else (None, None)
    closing = {"finished": True, "observations": [3, {"what": 4}], "triggers": "x"} if own else None

    judge_all(Capture("", "pcapng", opening, tuple(frames), (), closing, drops, (), False), ["192.0.2.1"])


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.pcap")), ids=lambda path: path.stem)
def test_real_captures_with_changed_octets_are_judged(path):
    """Real conversations with octets changed anywhere, keys or none, are judged; twenty variants of each."""
    found = read(path)
    table = next(iter(path.parent.glob(f"{path.stem}.ikev*_decryption_table")), None)
    secrets = read_table(table).secrets if table else ()
    entropy = SeededEntropy(path.stem)
    for _ in range(20):
        frames = []
        for each in found.frames:
            assert each.datagram is not None
            data = bytearray(each.datagram.data)
            for _ in range(entropy.below(3)):
                data[entropy.below(len(data))] = entropy.below(256)
            cut = len(data) if entropy.below(4) else entropy.below(len(data))
            frames.append(each._replace(datagram=each.datagram._replace(data=bytes(data[:cut]))))
        changed = Capture("", found.format, None, tuple(frames), (), None, None, (), False)

        judge_all(changed, ["10.9.0.1"], secrets)


@settings(max_examples=200, deadline=None)
@given(
    entry=some.dictionaries(
        some.sampled_from(
            ["ike", "spi_i", "spi_r", "encr", "key_bits", "key", "iv0", "cky_i", "cky_r", "hash", "sk_ei"]
        ),
        some.one_of(
            some.integers(0, 40),
            some.text(max_size=20),
            some.none(),
            some.just("00" * 16),
            some.lists(some.none()),
        ),
    )
)
def test_any_keys_are_read_or_refused(entry):
    """Keys in the evidence are somebody's file: whatever they say, messages stay sealed at worst."""
    found = read(GOLDEN / "keys-ls-ss-v1main.pcap")

    judge_all(found, ["10.9.0.1"], [entry, {**entry, "ike": 1, "cky_i": "fe28730734edfabd"}])
