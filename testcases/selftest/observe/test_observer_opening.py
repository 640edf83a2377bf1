"""Sealed messages opened with keys of the evidence: version 2 whole and in fragments, version 1 along its chains of IVs."""

from pathlib import Path

import pytest

from harness.capture.frame import Capture, Frame
from harness.capture.reader import read
from harness.capture.wireshark import read_table
from harness.codes import Exchange, NotifyType, NotifyTypeV1
from harness.observe import Doubt, observe
from harness.sa import v1 as sa1
from harness.sa import v2 as sa2
from harness.sa.intermediate import updated_keys
from harness.sa.secrets import to_evidence
from harness.wire import Message, encode_chain, frame, v1, v2
from harness.wire.datagram import Datagram, Endpoint

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
TARGET, PEER = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
SPI_I, SPI_R = b"initiat1", b"respond1"
SUITE = sa2.Suite(encr=20, key_bits=256, integ=0, prf=5, group=31)
KEYS = sa2.ike_keys(SUITE, SPI_I, SPI_R, b"i" * 32, b"r" * 32, b"shared")
NOTIFY = v2.Notify(notify_type=NotifyType.SET_WINDOW_SIZE, data=b"\0\0\0\5")
SUITE_1 = sa1.Suite(encr=7, key_bits=128, hash=2, auth=1, group=2)
SECRETS = sa1.psk_secrets(
    SUITE_1, b"psk", b"i" * 16, b"r" * 16, b"s" * 128, SPI_I, SPI_R, b"\1" * 128, b"\2" * 128
)


def capture(messages, secrets=()):
    """A capture of octets, each with whether the target sent them; one second apart."""
    frames = []
    for number, (by_target, octets) in enumerate(messages, 1):
        ends = (TARGET, PEER) if by_target else (PEER, TARGET)
        datagram = Datagram(*ends, frame(octets, natt=False))
        frames.append(Frame(number, float(number), datagram, (), number, octets, None))
    return Capture(
        "", "pcapng", {"format": 1}, tuple(frames), tuple(secrets), {"finished": True}, 0, (), False
    )


def trace(messages, *keys):
    """What is observed of them with these keys."""
    return observe(capture(messages, map(to_evidence, keys)), ["192.0.2.1"])


def sealed(message_id, *inner, by_initiator=True, flags=0x08, keys=KEYS):
    """An INFORMATIONAL message of version 2."""
    message = Message(SPI_I, SPI_R, Exchange.INFORMATIONAL, flags, message_id)
    iv = message_id.to_bytes(sa2.iv_size(SUITE), "big")
    return sa2.seal(message, keys, by_initiator=by_initiator, iv=iv, inner=inner)


# --- version 2 ------------------------------------------------------------------------------------------------------


def test_messages_open_under_each_generation_of_keys_of_one_sa():
    """Keys that IKE_INTERMEDIATE renewed have the same SPIs: every message opens with those that were in force (RFC 9370)."""
    newer = updated_keys(KEYS, b"i" * 32, b"r" * 32, b"more")
    newest = updated_keys(newer, b"i" * 32, b"r" * 32, b"and more")
    found = trace(
        [(False, sealed(number, NOTIFY, keys=keys)) for number, keys in enumerate((KEYS, newer, newest), 1)],
        KEYS,
        newer,
        newest,
    )

    assert [each.payloads for each in found.seen] == [(NOTIFY,)] * 3


def test_both_directions_open():
    """A request and its response open with the keys of their senders."""
    found = trace(
        [(False, sealed(2, NOTIFY)), (True, sealed(2, NOTIFY, by_initiator=False, flags=0x20))], KEYS
    )

    assert [each.payloads for each in found.seen] == [(NOTIFY,), (NOTIFY,)]
    assert all(each.opened for each in found.seen)


def test_without_keys_it_stays_sealed():
    """A sealed message without keys is doubtful, not empty."""
    seen = trace([(False, sealed(2, NOTIFY))]).seen[0]

    assert seen.opened is False
    assert seen.doubt is Doubt.NO_KEYS


def test_a_spoiled_message_says_why():
    """A message whose ICV does not hold is told apart from one without keys."""
    octets = bytearray(sealed(2, NOTIFY))
    octets[-1] ^= 1

    seen = trace([(False, bytes(octets))], KEYS).seen[0]

    assert seen.doubt is Doubt.DOES_NOT_OPEN
    assert "ICV" in seen.why


def test_a_lying_initiator_flag_is_noted():
    """A message sealed as the responder with the flag of the initiator opens, with a note."""
    seen = trace([(True, sealed(2, NOTIFY, by_initiator=False, flags=0x28))], KEYS).seen[0]

    assert seen.opened
    assert "against its I flag" in seen.notes[0]


def test_fragments_are_joined_in_any_order():
    """Fragments open where the last one arrives, with the frames of all."""
    content = encode_chain((NOTIFY, v2.Nonce(b"n" * 32)))
    message = Message(SPI_I, SPI_R, Exchange.INFORMATIONAL, 0x20, 2)
    pieces = [
        sa2.seal_fragment(
            message,
            KEYS,
            by_initiator=False,
            iv=bytes(7) + bytes([number]),
            number=number,
            total=2,
            first=41 if number == 1 else 0,
            content=part,
        )
        for number, part in ((1, content[:20]), (2, content[20:]))
    ]

    found = trace([(False, sealed(2, NOTIFY)), (True, pieces[1]), (True, pieces[0])], KEYS)

    assert found.seen[2].payloads == (NOTIFY, v2.Nonce(b"n" * 32))
    assert found.seen[2].parts == (2, 3)
    assert found.seen[1].joined_in == 3
    assert [each.number for each in found.answers.to(found.seen[0])] == [3]


def test_later_keys_of_one_pair_are_tried_too():
    """Where an SA's keys change under the same SPIs, all that the evidence has are tried."""
    other = sa2.ike_keys(SUITE, SPI_I, SPI_R, b"I" * 32, b"R" * 32, b"another")

    found = trace([(False, sealed(2, NOTIFY)), (False, sealed(3, NOTIFY, keys=other))], KEYS, other)

    assert [each.opened for each in found.seen] == [True, True]


def test_keys_that_cannot_be_read_are_a_problem():
    """Keys in the evidence that are none are told and harm nothing."""
    told = observe(
        capture([(False, sealed(2, NOTIFY))], [{"ike": 2, "spi_i": "xx"}, {"ike": 9}]), ["192.0.2.1"]
    )

    assert len(told.problems) == 2
    assert told.seen[0].opened is False


# --- version 1 ------------------------------------------------------------------------------------------------------


class Chain:
    """Both ends of an ISAKMP SA, encrypting along the IVs as RFC 2409 appendix B says."""

    def __init__(self):
        self.phase_1 = SECRETS.iv0
        self.exchanges = {}

    def says(self, exchange, message_id, *payloads, by_target=False):
        """A message of it, and who sent it."""
        message = Message(SPI_I, SPI_R, exchange, 0, message_id, payloads, version=0x10)
        key = (exchange, message_id)
        if exchange in (2, 4):
            octets, self.phase_1 = sa1.encrypt(message, SECRETS, self.phase_1)
        else:
            iv = self.exchanges.get(key) or sa1.exchange_iv(SECRETS, self.phase_1, message_id)
            octets, self.exchanges[key] = sa1.encrypt(message, SECRETS, iv)
        return by_target, octets


HASH = v1.Hash(b"h" * 20)


def conversation_of_version_1():
    """Main Mode from its fifth message, a Quick Mode, an Informational of the target between."""
    chain = Chain()
    return [
        chain.says(2, 0, v1.Identification(1, data=b"\xc0\0\2\2"), HASH),
        chain.says(2, 0, v1.Identification(1, data=b"\xc0\0\2\1"), HASH, by_target=True),
        chain.says(32, 7, HASH, v1.Nonce(b"i" * 16)),
        chain.says(5, 9, HASH, v1.Notify(notify_type=NotifyTypeV1.INITIAL_CONTACT), by_target=True),
        chain.says(32, 7, HASH, v1.Nonce(b"r" * 16), by_target=True),
        chain.says(32, 7, HASH),
    ]


def test_the_chains_are_followed():
    """Every message opens, whatever exchanges run at once."""
    found = trace(conversation_of_version_1(), SECRETS)

    assert [each.opened for each in found.seen] == [True] * 6
    assert found.seen[4].payloads == (HASH, v1.Nonce(b"r" * 16))


def test_retransmissions_move_no_chain():
    """A message sent again, by either side, opens again, and those behind it as well."""
    told = conversation_of_version_1()

    found = trace([told[0], told[0], told[1], *[told[0]] * 6, told[1], *told[2:5], told[4], told[5]], SECRETS)

    assert all(each.opened for each in found.seen)


def test_garbage_moves_no_chain():
    """What does not decrypt to payloads is told as such, and the chain goes on from the last good message."""
    told = conversation_of_version_1()
    header = Message(SPI_I, SPI_R, 32, 0x01, 7, (), version=0x10, next_payload=8, length=60).encode()[:28]

    found = trace([*told[:3], (False, header + b"\xa5" * 32), *told[3:]], SECRETS)

    assert [each.opened for each in found.seen] == [True, True, True, False, True, True, True]
    assert found.seen[3].doubt is Doubt.DOES_NOT_OPEN


def test_what_was_not_taken_up_moves_no_chain():
    """Two first messages under one Message ID begin at the same IV; the second opens as the first did."""
    told = conversation_of_version_1()
    other = Chain()
    other.phase_1 = told[1][1][-16:]

    found = trace([*told[:3], other.says(32, 7, HASH, v1.Nonce(b"I" * 16))], SECRETS)

    assert found.seen[3].payloads == (HASH, v1.Nonce(b"I" * 16))


def test_aggressive_mode_without_encryption_leaves_the_first_iv():
    """After an Aggressive Mode in clear the exchanges that follow chain from hash(g^xi | g^xr)."""
    chain = Chain()

    found = trace([chain.says(32, 7, HASH, v1.Nonce(b"i" * 16))], SECRETS)

    assert found.seen[0].opened


def test_a_liveness_answer_is_found_by_its_number():
    """R-U-THERE and its ACK have Message IDs of their own and share a sequence number (RFC 3706 section 5.3)."""
    chain = Chain()
    asks = v1.Notify(notify_type=NotifyTypeV1.R_U_THERE, spi=SPI_I + SPI_R, data=b"\0\0\0\7")
    stale = v1.Notify(notify_type=NotifyTypeV1.R_U_THERE_ACK, spi=SPI_I + SPI_R, data=b"\0\0\0\6")
    answers = v1.Notify(notify_type=NotifyTypeV1.R_U_THERE_ACK, spi=SPI_I + SPI_R, data=b"\0\0\0\7")

    found = trace(
        [
            chain.says(5, 1, HASH, asks),
            chain.says(5, 2, HASH, stale, by_target=True),
            chain.says(5, 3, HASH, answers, by_target=True),
        ],
        SECRETS,
    )

    assert [each.number for each in found.answers.to(found.seen[0])] == [3]


def test_fragments_of_version_1_are_joined():
    """A message in Fragment payloads opens where its last piece arrives."""
    _, whole = Chain().says(2, 0, v1.Identification(1, data=b"\xc0\0\2\2"), HASH)
    pieces = [
        (False, Message(SPI_I, SPI_R, 2, 0, 0, (v1.Fragment(1, number, last, part),), version=0x10).encode())
        for number, last, part in ((1, 0, whole[:40]), (2, 1, whole[40:]))
    ]

    found = trace(pieces, SECRETS)

    assert found.seen[1].opened
    assert found.seen[1].payloads[1] == HASH
    assert found.seen[1].parts == (1, 2)


# --- keys of other programs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "table", "sealed"),
    [("keys-ls-ss-v1main", "ikev1_decryption_table", 7), ("keys-ls-ss-v2", "ikev2_decryption_table", 4)],
)
def test_wiresharks_tables_open_real_captures(name, table, sealed):
    """Every sealed message of the two golden captures opens with the table beside it.

    That of version 1 has nothing but a cookie and the cipher's key: algorithms and first IV come from the messages.
    """
    secrets = read_table(GOLDEN / f"{name}.{table}").secrets

    found = observe(read(GOLDEN / f"{name}.pcap"), ["10.9.0.1"], secrets)

    assert [each.opened for each in found.seen if each.opened is not None] == [True] * sealed


def test_the_content_is_what_tshark_shows():
    """The last message of the version 1 capture deletes the ISAKMP SA, as tshark decrypts it."""
    secrets = read_table(GOLDEN / "keys-ls-ss-v1main.ikev1_decryption_table").secrets

    found = observe(read(GOLDEN / "keys-ls-ss-v1main.pcap"), ["10.9.0.1"], secrets)

    assert [payload.type for payload in found.seen[7].payloads] == [8, 1, 10, 5, 5]
    assert found.seen[10].payloads[1].spis == (bytes.fromhex("fe28730734edfabdebecb58ae22f8d9f"),)
