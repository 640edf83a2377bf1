"""IKEv1 messages: encrypted, decrypted, and every wrong input as a value (RFC 2409 appendix B)."""

import pytest

from harness.clock import SeededEntropy
from harness.codes import NotifyTypeV1
from harness.sa import v1 as sa
from harness.sa.v1 import Opened, Sealed, Secrets, Suite
from harness.wire import Message, Unknown, v1

SUITES = [
    Suite(encr=1, key_bits=None, hash=1, auth=1, group=1),
    Suite(encr=5, key_bits=None, hash=1, auth=1, group=2),
    Suite(encr=5, key_bits=None, hash=2, auth=1, group=2),
    Suite(encr=7, key_bits=128, hash=2, auth=1, group=5),
    Suite(encr=7, key_bits=192, hash=5, auth=1, group=14),
    Suite(encr=7, key_bits=256, hash=4, auth=1, group=14),
    Suite(encr=7, key_bits=256, hash=2, auth=1, group=14),
]
AES = SUITES[3]
HASH = v1.Hash(data=b"twenty octets of hash")
NOTIFY = v1.Notify(notify_type=NotifyTypeV1.INITIAL_CONTACT, spi=bytes(16))


def _secrets(suite: Suite) -> Secrets:
    return sa.psk_secrets(suite, b"secret", b"ni", b"nr", b"shared", b"cookie i", b"cookie r", b"gi", b"gr")


def _message(*payloads: v1.Payload, message_id: int = 42, length: int | None = None) -> Message:
    return Message(
        spi_i=b"cookie i",
        spi_r=b"cookie r",
        exchange=5,
        flags=0,
        message_id=message_id,
        payloads=payloads,
        version=0x10,
        length=length,
    )


def _encrypted(suite: Suite, *payloads: v1.Payload, padding: bytes = b"") -> bytes:
    secrets = _secrets(suite)
    octets, _ = sa.encrypt(_message(*payloads), secrets, secrets.iv0, padding)
    return octets


def _decrypted(octets: bytes, suite: Suite = AES) -> Opened:
    secrets = _secrets(suite)
    opened, _ = sa.decrypt(octets, secrets, secrets.iv0)
    assert isinstance(opened, Opened)
    return opened


def _why(octets: bytes, suite: Suite = AES) -> str:
    secrets = _secrets(suite)
    sealed, iv = sa.decrypt(octets, secrets, secrets.iv0)
    assert isinstance(sealed, Sealed)
    assert iv == secrets.iv0
    return sealed.why


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_encrypted_decrypts(suite: Suite) -> None:
    """Under every suite the payloads come back, and padding is no fault."""
    opened = _decrypted(_encrypted(suite, HASH, NOTIFY), suite)

    assert (opened.payloads, opened.why, opened.first) == ((HASH, NOTIFY), None, 8)


@pytest.mark.parametrize("suite", SUITES)
def test_the_header_counts_the_padding(suite: Suite) -> None:
    """Length includes the padding, and the flag E is set (RFC 2408 section 3.1, RFC 2409 appendix B)."""
    octets = _encrypted(suite, HASH, NOTIFY)

    assert int.from_bytes(octets[24:28], "big") == len(octets)
    assert octets[19] == 1


@pytest.mark.parametrize("suite", SUITES)
def test_both_ends_have_the_same_next_iv(suite: Suite) -> None:
    """The last ciphertext block is the next IV at both ends, and the chain goes on from it."""
    secrets = _secrets(suite)
    first, sender_iv = sa.encrypt(_message(HASH), secrets, secrets.iv0)
    _, receiver_iv = sa.decrypt(first, secrets, secrets.iv0)
    second, _ = sa.encrypt(_message(NOTIFY), secrets, sender_iv)
    opened, _ = sa.decrypt(second, secrets, receiver_iv)

    assert sender_iv == receiver_iv == first[-len(secrets.iv0) :]
    assert isinstance(opened, Opened)
    assert opened.payloads == (NOTIFY,)


@pytest.mark.parametrize("padding", [b"", b"\xa5" * 7, bytes(range(1, 32)) + b"\x1f"])
def test_any_padding_is_taken(padding: bytes) -> None:
    """Padding of any octets and any length comes back as trailing octets without a reason."""
    opened = _decrypted(_encrypted(AES, HASH, NOTIFY, padding=padding))

    assert opened.payloads == (HASH, NOTIFY)
    assert opened.trailing.startswith(padding)
    assert opened.why is None


def test_the_rest_after_the_hash_is_without_padding() -> None:
    """What HASH(1) covers is everything after the HASH payload, generic headers in, padding out."""
    opened = _decrypted(_encrypted(AES, HASH, NOTIFY, padding=b"\xa5" * 9))
    body = NOTIFY.body

    assert opened.rest_after_hash == b"\x00\x00" + (4 + len(body)).to_bytes(2, "big") + body


def test_wrong_keys_show() -> None:
    """Without an ICV a wrong key shows as a first payload that cannot be read, and the IV stays."""
    other = sa.psk_secrets(AES, b"other", b"ni", b"nr", b"shared", b"cookie i", b"cookie r", b"gi", b"gr")
    opened, iv = sa.decrypt(_encrypted(AES, HASH, NOTIFY), other, other.iv0)

    assert isinstance(opened, Sealed)
    assert iv == other.iv0


def test_a_hostile_chain_is_told_as_far_as_it_reads() -> None:
    """A payload that lies about its length ends the reading, with the reason."""
    opened = _decrypted(_encrypted(AES, HASH, Unknown(200, b"data", length=4000)))

    assert [payload.body for payload in opened.payloads] == [HASH.body]
    assert opened.why is not None


def test_a_stated_length_goes_out_as_stated() -> None:
    """A message that states a length keeps it, and the receiver says what it found."""
    secrets = _secrets(AES)
    octets, _ = sa.encrypt(_message(HASH, length=28), secrets, secrets.iv0)

    assert _why(octets) == f"the header says 28 octets, there are {len(octets)}"


def test_a_part_of_a_block_is_refused() -> None:
    """Ciphertext is a whole number of blocks."""
    octets = _encrypted(AES, HASH)
    short = octets[:24] + (len(octets) - 1).to_bytes(4, "big") + octets[28:-1]

    assert "no whole number of blocks" in _why(short)


@pytest.mark.parametrize(
    "octets", [b"", bytes(27), bytes(27) + b"\x1c", bytes(19) + b"\x01" + bytes(7) + b"\x1c"]
)
def test_what_is_no_encrypted_message_is_sealed(octets: bytes) -> None:
    """Too few octets, no flag E, and no ciphertext are values."""
    assert _why(octets)


def test_an_unknown_cipher_opens_nothing() -> None:
    """A suite that is not here is said to be unsupported."""
    secrets = _secrets(AES)
    unknown = Secrets(Suite(4, None, 2, 1, 2), b"", b"", b"", b"", b"", b"", secrets.key, secrets.iv0)
    opened, _ = sa.decrypt(_encrypted(AES, HASH), unknown, secrets.iv0)

    assert opened == Sealed("no encryption algorithm 4 here")


def test_random_ciphertext_never_raises() -> None:
    """Whatever follows a header, with lengths made right, is a value."""
    entropy = SeededEntropy("random ciphertext")
    for _ in range(2000):
        body = entropy.octets(entropy.below(100))
        head = entropy.octets(17) + b"\x10" + entropy.octets(1) + b"\x01" + entropy.octets(4)
        octets = head + (28 + len(body)).to_bytes(4, "big") + body
        secrets = _secrets(AES)
        opened, _ = sa.decrypt(octets, secrets, secrets.iv0)
        assert isinstance(opened, Opened | Sealed)
