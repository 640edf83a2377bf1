"""Messages between real daemons (Libreswan 4.10 and strongSwan 5.9.8, with a known key) as vectors for our formulas."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from harness.codes import EncrV1, HashV1, NotifyType
from harness.crypto import cbc_cipher
from harness.sa import v1 as sa1
from harness.sa import v2 as sa2
from harness.wire import Message, decode, v1, v2

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
PSK = b"test-psk-0123456789"
INITIATOR, RESPONDER = "10.9.0.2", "10.9.0.1"


def _datagrams(name: str) -> Iterator[bytes]:
    """UDP payloads of Ethernet, IPv4 without options."""
    with RawPcapReader(str(GOLDEN / f"{name}.pcap")) as reader:
        for frame, _ in reader:
            yield frame[14 + 20 + 8 : 14 + int.from_bytes(frame[16:18], "big")]


@cache
def _octets(name: str) -> tuple[bytes, ...]:
    return tuple(_datagrams(name))


def _message(name: str, number: int) -> Message:
    message = decode(_octets(name)[number])
    assert isinstance(message, Message)
    return message


# --- IKEv2: AES-CBC-128, HMAC-SHA2-256-128 -------------------------------------------------------------------------

V2 = "keys-ls-ss-v2"


@cache
def _keys() -> sa2.Keys:
    row = (GOLDEN / f"{V2}.ikev2_decryption_table").read_text(encoding="ascii").strip().split(",")
    spi_i, spi_r, sk_ei, sk_er, _, sk_ai, sk_ar, _ = row
    known = (bytes.fromhex(text) for text in (spi_i, spi_r, "", sk_ai, sk_ar, sk_ei, sk_er, "", ""))
    return sa2.Keys(sa2.Suite(encr=12, key_bits=128, integ=12, prf=5, group=14), *known)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_sealed_messages_of_daemons_open(number: int) -> None:
    """IKE_AUTH and INFORMATIONAL messages of Libreswan and strongSwan open without a remainder."""
    opened = sa2.open_sealed(_octets(V2)[number], _keys(), by_initiator=number % 2 == 0)

    assert isinstance(opened, sa2.Opened)
    assert (opened.trailing, opened.why) == (b"", None)


def test_a_daemons_request_holds_what_it_should() -> None:
    """The IKE_AUTH request of Libreswan holds identity, AUTH for a shared key, proposal and selectors."""
    opened = sa2.open_sealed(_octets(V2)[2], _keys(), by_initiator=True)
    assert isinstance(opened, sa2.Opened)
    kinds = {type(payload) for payload in opened.payloads}

    assert {v2.IdInitiator, v2.Authentication, v2.SecurityAssociation, v2.TrafficSelectorsI} <= kinds


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_daemons_message_is_sealed_again_to_the_same_octets(number: int) -> None:
    """Sealing what was opened, under the same IV, gives the daemon's message back octet for octet."""
    octets = _octets(V2)[number]
    outer = _message(V2, number)
    sealed_payload = outer.find(v2.Encrypted)
    opened = sa2.open_sealed(octets, _keys(), by_initiator=number % 2 == 0)
    assert isinstance(opened, sa2.Opened)
    assert sealed_payload is not None
    bare = Message(outer.spi_i, outer.spi_r, outer.exchange, outer.flags, outer.message_id)
    again = sa2.seal(
        bare,
        _keys(),
        by_initiator=number % 2 == 0,
        iv=sealed_payload.data[:16],
        inner=opened.payloads,
        padding=_padding(octets, number, len(opened.plaintext)),
    )

    assert again == octets


def _padding(octets: bytes, number: int, content: int) -> bytes:
    """The padding that a daemon chose (zeros, or counted octets), which the opened message no longer has."""
    key = _keys().sk_ei if number % 2 == 0 else _keys().sk_er
    plaintext = cbc_cipher(12, 128).decrypt(key, octets[32:48], octets[48:-16])
    return plaintext[content:-1]


def test_a_daemons_nat_detection_is_ours() -> None:
    """NAT_DETECTION_SOURCE_IP and _DESTINATION_IP of both daemons are what we compute for their addresses."""
    request, response = _message(V2, 0), _message(V2, 1)

    assert _nat_data(request) == _expected_nat(request, INITIATOR, RESPONDER)
    assert _nat_data(response) == _expected_nat(response, RESPONDER, INITIATOR)


def _nat_data(message: Message) -> tuple[bytes, bytes]:
    source = message.find(v2.Notify, NotifyType.NAT_DETECTION_SOURCE_IP)
    destination = message.find(v2.Notify, NotifyType.NAT_DETECTION_DESTINATION_IP)
    assert source is not None
    assert destination is not None
    return source.data, destination.data


def _expected_nat(message: Message, source: str, destination: str) -> tuple[bytes, bytes]:
    spis = message.spi_i, message.spi_r
    return sa2.nat_detection(*spis, source, 500), sa2.nat_detection(*spis, destination, 500)


# --- IKEv1 Main Mode and Quick Mode: AES-CBC-128, SHA2-256, group 14 ------------------------------------------------

V1 = "keys-ls-ss-v1main"
ISAKMP = sa1.Suite(encr=EncrV1.AES_CBC, key_bits=128, hash=HashV1.SHA2_256, auth=1, group=14)


def _body(message: Message, kind: type[v1.Payload]) -> bytes:
    payload = message.find(kind)
    assert payload is not None
    return payload.body


@cache
def _secrets() -> sa1.Secrets:
    """What the capture gives away: SKEYID from key and nonces, the cipher's key from the table, the first IV."""
    key = (GOLDEN / f"{V1}.ikev1_decryption_table").read_text(encoding="ascii").strip().split(",")[1]
    mm3, mm4 = _message(V1, 2), _message(V1, 3)
    skeyid = sa1.psk_skeyid(ISAKMP.hash, PSK, _body(mm3, v1.Nonce), _body(mm4, v1.Nonce))
    iv0 = sa1.first_iv(ISAKMP, _body(mm3, v1.KeyExchange), _body(mm4, v1.KeyExchange))
    return sa1.Secrets(ISAKMP, mm4.spi_i, mm4.spi_r, skeyid, b"", b"", b"", bytes.fromhex(key), iv0)


@cache
def _phase_1() -> tuple[sa1.Opened, sa1.Opened, bytes]:
    """The fifth and sixth message of Main Mode, and the last block of phase 1."""
    mm5, iv = sa1.decrypt(_octets(V1)[4], _secrets(), _secrets().iv0)
    mm6, last = sa1.decrypt(_octets(V1)[5], _secrets(), iv)
    assert isinstance(mm5, sa1.Opened)
    assert isinstance(mm6, sa1.Opened)
    return mm5, mm6, last


def test_main_mode_of_daemons_decrypts() -> None:
    """Both identities come out of the chained messages of Main Mode, first IV from the public values."""
    mm5, mm6, _ = _phase_1()

    assert [payload.type for payload in mm5.payloads][:2] == [5, 8]
    assert [payload.type for payload in mm6.payloads][:2] == [5, 8]
    assert (mm5.why, mm6.why) == (None, None)


def _hashes(opened: sa1.Opened) -> tuple[bytes, bytes]:
    identity, proof = opened.payloads[:2]
    return identity.body, proof.body


def test_hash_i_of_a_daemon_is_ours() -> None:
    """The HASH_I that Libreswan sent follows from the pre-shared key and the messages in clear."""
    identity, proof = _hashes(_phase_1()[0])
    publics = _body(_message(V1, 2), v1.KeyExchange), _body(_message(V1, 3), v1.KeyExchange)
    offered = _body(_message(V1, 0), v1.SecurityAssociation)

    assert sa1.hash_i(_secrets(), *publics, offered, identity) == proof


def test_hash_r_of_a_daemon_is_ours() -> None:
    """The HASH_R that strongSwan sent follows from the pre-shared key and the messages in clear."""
    identity, proof = _hashes(_phase_1()[1])
    publics = _body(_message(V1, 2), v1.KeyExchange), _body(_message(V1, 3), v1.KeyExchange)
    offered = _body(_message(V1, 0), v1.SecurityAssociation)

    assert sa1.hash_r(_secrets(), *publics, offered, identity) == proof


def test_quick_mode_of_daemons_decrypts() -> None:
    """Quick Mode's three messages decrypt as one chain, its first IV from the last block of phase 1 and the M-ID."""
    iv = sa1.exchange_iv(_secrets(), _phase_1()[2], _message(V1, 6).message_id)
    first: list[int] = []
    for octets in _octets(V1)[6:9]:
        opened, iv = sa1.decrypt(octets, _secrets(), iv)
        assert isinstance(opened, sa1.Opened)
        assert opened.why is None
        first.append(opened.first)

    assert first == [8, 8, 8]


@pytest.mark.parametrize("number", [9, 10])
def test_informational_messages_of_daemons_decrypt(number: int) -> None:
    """Each Informational exchange has its own IV; both of these hold HASH and Delete."""
    iv = sa1.exchange_iv(_secrets(), _phase_1()[2], _message(V1, number).message_id)
    opened, _ = sa1.decrypt(_octets(V1)[number], _secrets(), iv)

    assert isinstance(opened, sa1.Opened)
    assert [payload.type for payload in opened.payloads] == [8, 12]


def test_a_daemons_nat_d_is_ours() -> None:
    """The NAT-D payloads of both daemons are what we compute: the receiver's place, then the sender's."""
    request, response = _message(V1, 2), _message(V1, 3)
    cookies = request.spi_i, request.spi_r
    initiator = sa1.nat_d(ISAKMP.hash, *cookies, INITIATOR, 500)
    responder = sa1.nat_d(ISAKMP.hash, *cookies, RESPONDER, 500)

    assert [payload.data for payload in request.all(v1.NatDetection)] == [responder, initiator]
    assert [payload.data for payload in response.all(v1.NatDetection)] == [initiator, responder]


@pytest.mark.parametrize("number", [4, 5])
def test_a_daemons_message_is_encrypted_again_to_the_same_octets(number: int) -> None:
    """Encrypting what was decrypted, under the same IV, gives the daemon's message back octet for octet."""
    octets, outer = _octets(V1)[number], _message(V1, number)
    iv = _secrets().iv0 if number == 4 else _octets(V1)[number - 1][-16:]
    opened = _phase_1()[number - 4]
    bare = Message(
        outer.spi_i, outer.spi_r, outer.exchange, 0, outer.message_id, opened.payloads, outer.version
    )
    again, last = sa1.encrypt(bare, _secrets(), iv, opened.trailing)

    assert (again, last) == (octets, octets[-16:])


@pytest.mark.parametrize(
    ("name", "hash_id"),
    [("strongswan-ikev1aggr-quick", HashV1.SHA2_256), ("vpnc-strongswan-aggr-xauth-modecfg", HashV1.SHA1)],
)
def test_hash_r_in_aggressive_mode_is_ours(name: str, hash_id: HashV1) -> None:
    """The HASH_R that strongSwan sends in clear in Aggressive Mode follows from the key, under two hashes."""
    am1, am2 = _message(name, 0), _message(name, 1)
    suite = sa1.Suite(encr=EncrV1.AES_CBC, key_bits=128, hash=hash_id, auth=1, group=2)
    skeyid = sa1.psk_skeyid(hash_id, PSK, _body(am1, v1.Nonce), _body(am2, v1.Nonce))
    known = sa1.Secrets(suite, am2.spi_i, am2.spi_r, skeyid, b"", b"", b"", b"", b"")
    expected = sa1.hash_r(
        known,
        _body(am1, v1.KeyExchange),
        _body(am2, v1.KeyExchange),
        _body(am1, v1.SecurityAssociation),
        _body(am2, v1.Identification),
    )

    assert _body(am2, v1.Hash) == expected
