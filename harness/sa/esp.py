"""ESP packets (RFC 4303): sealed and opened under the keys of one direction; windows and counters are each end's own.

Protection is that of `harness.sa.protection`. Scapy has an ESP of its own and is the second reader in the tests,
no more: its GCM has no short ICVs, it raises on hostile octets, rebuilds inner packets instead of keeping their
octets, is slower by two orders of magnitude, and its licence keeps it out of what both ends share.
"""

from dataclasses import field

from harness.clock import Entropy
from harness.codes import Esn, Protocol
from harness.crypto import UnsupportedAlgorithm
from harness.sa.opened import Sealed
from harness.sa.protection import Protection, protection
from harness.values import value

HEADER = 8
"""SPI and sequence number."""
_TRAILER = 2
"""Pad Length and Next Header."""
_ALIGNMENT = 4
"""The ciphertext ends on a boundary of four octets, whatever the cipher (RFC 4303 section 2.4)."""
_HALF = 1 << 32


@value
class EspSa:
    """One direction of a pair: the SPI that its packets carry, and what protects them."""

    spi: bytes
    encr: int
    key_bits: int | None
    integ: int
    esn: bool
    encr_key: bytes = field(repr=False)
    """The cipher's key, with its salt where there is one."""
    integ_key: bytes = field(repr=False)

    @property
    def last_sequence(self) -> int:
        """The greatest sequence number: none follows it on this SA (RFC 4303 section 3.3.3)."""
        return _HALF * _HALF - 1 if self.esn else _HALF - 1


@value
class EspContent:
    """What an ESP packet held: payload data, the protocol of it, and the padding, whatever that was."""

    data: bytes
    next_header: int
    padding: bytes = b""

    @property
    def padding_counts(self) -> bool:
        """Whether the padding is 1, 2, 3 … as it is to be (RFC 4303 section 2.4)."""
        return self.padding == bytes(range(1, len(self.padding) + 1))


def header(packet: bytes) -> tuple[bytes, int] | None:
    """The SPI and the sequence number, or its low-order half, that a packet shows; None when it is too short."""
    return (packet[:4], int.from_bytes(packet[4:HEADER], "big")) if len(packet) >= HEADER else None


def fresh_iv(sa: EspSa, sequence: int, entropy: Entropy) -> bytes:
    """The IV of a packet: never the same twice where the cipher counts, by chance for CBC. Raises UnsupportedAlgorithm.

    Combined and counter modes take the sequence number, which does not repeat (RFC 4106 section 3.1, RFC 7634
    section 2, RFC 3686 section 2.1); that of CBC must not be foreseen (RFC 3602 section 2.1).
    """
    under = _of(sa)
    return sequence.to_bytes(under.iv_size, "big") if under.counts else entropy.octets(under.iv_size)


def protect(
    sa: EspSa,
    sequence: int,
    data: bytes,
    next_header: int,
    iv: bytes,
    *,
    more_padding: int = 0,
    padding: bytes | None = None,
    pad_length: int | None = None,
) -> bytes:
    """The ESP packet of `data` under a whole sequence number, of which the low-order half is sent.

    `more_padding` adds whole boundaries; `padding` and `pad_length` are what to say instead of the truth: then
    nothing is aligned for the caller. The ICV holds in every case. Raises UnsupportedAlgorithm.
    """
    under = _of(sa)
    boundary = max(_ALIGNMENT, under.alignment)
    size = -(len(data) + _TRAILER) % boundary + more_padding * boundary
    pad = bytes(range(1, size + 1)) if padding is None else padding
    stated = len(pad) if pad_length is None else pad_length
    plaintext = data + pad + bytes((stated & 0xFF, next_header & 0xFF))
    head = sa.spi + (sequence % _HALF).to_bytes(4, "big")
    return head + under.seal((sa.encr_key, sa.integ_key), head, iv, plaintext, _high(sa, sequence))


def unprotect(sa: EspSa, packet: bytes, sequence: int) -> EspContent | Sealed:
    """What a packet holds if its ICV does, under the whole sequence number that its receiver takes it for. Never raises."""
    try:
        under = _of(sa)
    except UnsupportedAlgorithm as error:
        return Sealed(str(error))
    keys = sa.encr_key, sa.integ_key
    if (len(keys[0]), len(keys[1])) != under.key_sizes:
        return Sealed("the keys of this direction are not known")
    plaintext = under.open(keys, packet[:HEADER], packet[HEADER:], _high(sa, sequence))
    if isinstance(plaintext, Sealed):
        return plaintext
    if len(plaintext) < _TRAILER:
        return Sealed("nothing is encrypted, not even a Pad Length and a Next Header", authentic=True)
    pad, next_header = plaintext[-2:]
    end = len(plaintext) - _TRAILER - pad
    if end < 0:
        return Sealed(f"a Pad Length of {pad} exceeds the {len(plaintext)} octets encrypted", authentic=True)
    return EspContent(plaintext[:end], next_header, plaintext[end:-_TRAILER])


def encrypted_octets(sa: EspSa, packet: bytes) -> int:
    """How many octets of a packet the cipher was applied to, as lifetimes by volume count (RFC 4301 section 4.4.2.1)."""
    under = _of(sa)
    return max(0, len(packet) - HEADER - under.iv_size - under.icv_size)


def direction(
    spi: bytes,
    protocol: int,
    encr: int,
    key_bits: int | None,
    integ: int,
    esn: int,
    keys: tuple[bytes, bytes],
) -> EspSa | None:
    """The SA of one direction from what was negotiated and its keys; None where it is no ESP that is known here."""
    sa = EspSa(spi, encr, key_bits, integ, esn == Esn.ESN, *keys)
    if protocol != Protocol.ESP:
        return None
    try:
        return sa if (len(keys[0]), len(keys[1])) == _of(sa).key_sizes else None
    except UnsupportedAlgorithm:
        return None


def _high(sa: EspSa, sequence: int) -> bytes:
    """The high-order half of an extended sequence number, which is covered and not sent (RFC 4303 section 2.2.1)."""
    return (sequence // _HALF % _HALF).to_bytes(4, "big") if sa.esn else b""


def _of(sa: EspSa) -> Protection:
    return protection(sa.encr, sa.key_bits, sa.integ)
