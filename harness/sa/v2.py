"""IKEv2: key schedule, the Encrypted payload, AUTH for a shared key, NAT detection and cookies (RFC 7296)."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from functools import lru_cache

from harness.crypto import AEADS, UnsupportedAlgorithm, encryption_key_size, integrity_key_size, prf
from harness.sa.opened import Opened as Opened
from harness.sa.opened import Sealed as Sealed
from harness.sa.protection import Protection, protection
from harness.values import replace as with_fields
from harness.values import value
from harness.wire import Chain, Message, Payload, decode_chain, encode_chain
from harness.wire.datagram import packed
from harness.wire.v2 import Encrypted, EncryptedFragment

_IKE_HEADER = 28
_PAYLOAD_HEADER = 4
_FRAGMENT_HEADER = 8
_SK = 46
_SKF = 53
_KEY_PAD = b"Key Pad for IKEv2"


@value
class Suite:
    """The algorithms of one IKE SA by their IKEv2 transform ids; `integ` is 0 with a combined-mode cipher.

    `additional` are the methods of further key exchanges in their order (RFC 9370 section 2.2.1).
    """

    encr: int
    key_bits: int | None
    integ: int
    prf: int
    group: int
    additional: tuple[int, ...] = ()


@value
class Keys:
    """The keys of one IKE SA (RFC 7296 section 2.14); a combined-mode cipher's key ends with its salt.

    Keys that are not known, as when read from another program's table, are empty.
    """

    suite: Suite
    spi_i: bytes
    spi_r: bytes
    sk_d: bytes = field(repr=False)
    sk_ai: bytes = field(repr=False)
    sk_ar: bytes = field(repr=False)
    sk_ei: bytes = field(repr=False)
    sk_er: bytes = field(repr=False)
    sk_pi: bytes = field(repr=False)
    sk_pr: bytes = field(repr=False)


def ike_keys(suite: Suite, spi_i: bytes, spi_r: bytes, ni: bytes, nr: bytes, shared: bytes) -> Keys:
    """The keys of an IKE SA from IKE_SA_INIT; `ni`, `nr` are the nonces' data, `shared` is g^ir (RFC 7296 section 2.14).

    Raises UnsupportedAlgorithm.
    """
    return _cut(suite, spi_i, spi_r, ni, nr, skeyseed(suite.prf, ni, nr, shared))


def rekeyed_keys(
    old: Keys,
    suite: Suite,
    spi_i: bytes,
    spi_r: bytes,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    additional: bytes = b"",
) -> Keys:
    """The keys of an IKE SA that replaces `old` (RFC 7296 section 2.18).

    SKEYSEED is made with the old SA's prf and SK_d, the rest with the new suite; the SPIs are the new ones,
    that of the rekey's initiator first. `additional` are the secrets of IKE_FOLLOWUP_KE, one after the other
    (RFC 9370 section 2.2.4). Raises UnsupportedAlgorithm.
    """
    seed = rekeyed_skeyseed(old.suite.prf, old.sk_d, ni, nr, shared, additional)
    return _cut(suite, spi_i, spi_r, ni, nr, seed)


def resumed_keys(suite: Suite, old_sk_d: bytes, spi_i: bytes, spi_r: bytes, ni: bytes, nr: bytes) -> Keys:
    """The keys of an IKE SA that a ticket resumes, from SK_d of the old one (RFC 5723 section 5.1).

    The suite is the old one's; SPIs and nonces are those of IKE_SESSION_RESUME. Raises UnsupportedAlgorithm.
    """
    seed = prf(suite.prf)(old_sk_d, b"Resumption" + ni + nr)
    return _cut(suite, spi_i, spi_r, ni, nr, seed)


def with_ppk(keys: Keys, ppk: bytes) -> Keys:
    """The keys with a post-quantum preshared key mixed in: SK_d, SK_pi and SK_pr change (RFC 8784 section 3)."""
    function = prf(keys.suite.prf)
    d, pi, pr = (function.plus(ppk, key, len(key)) for key in (keys.sk_d, keys.sk_pi, keys.sk_pr))
    return with_fields(keys, sk_d=d, sk_pi=pi, sk_pr=pr)


def skeyseed(prf_id: int, ni: bytes, nr: bytes, shared: bytes) -> bytes:
    """SKEYSEED of a new IKE SA: prf(Ni | Nr, g^ir), with less of the nonces for AES (RFC 7296 section 2.14)."""
    function = prf(prf_id)
    return function(function.nonce_key(ni, nr), shared)


def rekeyed_skeyseed(
    prf_id: int, sk_d: bytes, ni: bytes, nr: bytes, shared: bytes, additional: bytes = b""
) -> bytes:
    """SKEYSEED of an IKE SA that replaces another, by that one's prf and SK_d (RFC 7296 section 2.18)."""
    return prf(prf_id)(sk_d, shared + ni + nr + additional)


def _cut(suite: Suite, spi_i: bytes, spi_r: bytes, ni: bytes, nr: bytes, seed: bytes) -> Keys:
    function = prf(suite.prf)
    d, p = function.size, function.size
    a = 0 if suite.encr in AEADS else integrity_key_size(suite.integ)
    e = encryption_key_size(suite.encr, suite.key_bits)
    stream = function.plus(seed, ni + nr + spi_i + spi_r, d + 2 * (a + e + p))
    cuts = []
    at = 0
    for size in (d, a, a, e, e, p, p):
        cuts.append(stream[at : at + size])
        at += size
    return Keys(suite, spi_i, spi_r, *cuts)


@value
class ChildSuite:
    """The algorithms of one Child SA: protocol 2 (AH) or 3 (ESP), then IKEv2 transform ids.

    `additional` are the methods of further key exchanges in their order, where there is a first one.
    """

    protocol: int
    encr: int
    key_bits: int | None
    integ: int
    esn: int = 0
    additional: tuple[int, ...] = ()


@value
class ChildKeys:
    """The keys of a pair of Child SAs: `_i` for what the exchange's initiator sends, `_r` for the other direction."""

    encr_i: bytes = field(repr=False)
    integ_i: bytes = field(repr=False)
    encr_r: bytes = field(repr=False)
    integ_r: bytes = field(repr=False)


def child_keys(
    sk_d: bytes,
    prf_id: int,
    suite: ChildSuite,
    ni: bytes,
    nr: bytes,
    shared: bytes = b"",
    additional: bytes = b"",
) -> ChildKeys:
    """The keys of a pair of Child SAs (RFC 7296 section 2.17); `shared` is the new g^ir, if there was an exchange.

    Nonces are those of the exchange that makes the Child SA; `additional` are the secrets of IKE_FOLLOWUP_KE, one
    after the other (RFC 9370 section 2.2.4). Raises UnsupportedAlgorithm.
    """
    e = encryption_key_size(suite.encr, suite.key_bits) if suite.protocol == 3 else 0
    a = integrity_key_size(suite.integ)
    keymat = prf(prf_id).plus(sk_d, shared + ni + nr + additional, 2 * (e + a))
    one = e + a
    return ChildKeys(keymat[:e], keymat[e:one], keymat[one : one + e], keymat[one + e :])


# --- AUTH ---------------------------------------------------------------------------------------------------------


def signed_octets(real_message: bytes, nonce: bytes, id_body: bytes, sk_p: bytes, prf_id: int) -> bytes:
    """The octets that AUTH covers (RFC 7296 section 2.15).

    `real_message` is the signer's last IKE_SA_INIT message from its first SPI octet on (no non-ESP marker), `nonce` is
    the other end's, `id_body` is the signer's ID payload without generic header, `sk_p` is the signer's SK_pi or SK_pr.
    """
    return real_message + nonce + prf(prf_id)(sk_p, id_body)


def psk_auth(prf_id: int, psk: bytes, signed: bytes) -> bytes:
    """The AUTH data for a shared secret: prf(prf(psk, "Key Pad for IKEv2"), signed) (RFC 7296 section 2.15)."""
    return prf(prf_id)(_padded_secret(prf_id, psk), signed)


@lru_cache(maxsize=64)
def _padded_secret(prf_id: int, psk: bytes) -> bytes:
    """What stands in for the secret in every AUTH (RFC 7296 section 2.15): it is made once."""
    return prf(prf_id)(psk, _KEY_PAD)


def resumed_auth(prf_id: int, sk_p: bytes, signed: bytes) -> bytes:
    """The AUTH data in a resumed session: prf(SK_pi or SK_pr, signed) (RFC 5723 section 4.3.3)."""
    return prf(prf_id)(sk_p, signed)


# --- NAT detection and cookies ------------------------------------------------------------------------------------


def nat_detection(spi_i: bytes, spi_r: bytes, address: str, port: int) -> bytes:
    """The data of NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP: SHA-1, whatever was negotiated
    (RFC 7296 section 2.23). The SPIs are those of the header it travels under.
    """
    place = packed(address) + port.to_bytes(2, "big")
    return hashlib.sha1(spi_i + spi_r + place, usedforsecurity=False).digest()


def cookie(secret: bytes, version: int, ni: bytes, address: str, spi_i: bytes, info: bytes = b"") -> bytes:
    """A cookie: version of the secret, `info`, then SHA-256(Ni | IPi | SPIi | info | secret).

    RFC 7296 section 2.6; `info` is what its maker wants to learn from it again (RFC 8019 section 7.1.1.3).
    """
    place = packed(address)
    return bytes((version & 0xFF,)) + info + hashlib.sha256(ni + place + spi_i + info + secret).digest()


# --- the Encrypted payload ----------------------------------------------------------------------------------------


def _of(suite: Suite) -> Protection:
    return protection(suite.encr, suite.key_bits, suite.integ)


def iv_size(suite: Suite) -> int:
    """Octets of the IV at the head of an Encrypted payload under this suite. Raises UnsupportedAlgorithm."""
    return _of(suite).iv_size


Inner = Chain | Sequence[Payload] | tuple[int, bytes]


def _inner(inner: Inner) -> tuple[int, bytes]:
    if isinstance(inner, tuple) and len(inner) == 2 and isinstance(inner[0], int):
        return inner[0], inner[1]
    payloads = inner.payloads if isinstance(inner, Chain) else inner
    trailing = inner.trailing if isinstance(inner, Chain) else b""
    first = payloads[0].type if payloads else 0
    return first, encode_chain(payloads) + trailing


def _direction(keys: Keys, by_initiator: bool) -> tuple[bytes, bytes]:
    return (keys.sk_ei, keys.sk_ai) if by_initiator else (keys.sk_er, keys.sk_ar)


def seal(
    message: Message,
    keys: Keys,
    *,
    by_initiator: bool,
    iv: bytes,
    inner: Inner,
    padding: bytes = b"",
    pad_length: int | None = None,
    flags: int = 0,
    length: int | None = None,
) -> bytes:
    """The message with an Encrypted payload at its end (RFC 7296 section 3.14).

    `message` gives the header and the payloads in clear before the Encrypted one (usually none). `by_initiator` is true
    for what the original initiator of the IKE SA sends. `iv` has `iv_size(suite)` octets. `inner` is payloads, a chain,
    or a pair of first payload type and any octets. `padding` goes before the zeros that alignment needs; `pad_length`,
    `flags` and `length` (of the Encrypted payload) are what to say instead of the truth. The ICV holds in every case.
    """
    first, content = _inner(inner)
    encrypted = _Outer(lambda data: Encrypted(data=data, inner=first, flags=flags, length=length))
    return encrypted.seal(
        message, keys, by_initiator, iv, _padded(_of(keys.suite), content, padding, pad_length)
    )


def seal_fragment(
    message: Message,
    keys: Keys,
    *,
    by_initiator: bool,
    iv: bytes,
    number: int,
    total: int,
    first: int,
    content: bytes,
    padding: bytes = b"",
) -> bytes:
    """One fragment message: `content` is its piece of the inner octets, `first` their first payload type in fragment 1
    and 0 in the others (RFC 7383 section 2.5). Associated data of combined modes reaches to the IV.
    """
    outer = _Outer(lambda data: EncryptedFragment(number=number, total=total, data=data, inner=first))
    return outer.seal(message, keys, by_initiator, iv, _padded(_of(keys.suite), content, padding, None))


def fragment_content(suite: Suite, size: int) -> int:
    """How many inner octets a fragment message of `size` octets, IKE header and all, has room for (RFC 7383 appendix B).

    Raises UnsupportedAlgorithm.
    """
    under = _of(suite)
    room = size - _IKE_HEADER - _FRAGMENT_HEADER - under.iv_size - under.icv_size
    return room // under.alignment * under.alignment - 1


class _Outer:
    """Builds a message around a protected payload: once with room for it, so that lengths are final, then for good."""

    __slots__ = ("_payload",)

    def __init__(self, payload: Callable[[bytes], Payload]) -> None:
        self._payload = payload

    def seal(self, message: Message, keys: Keys, by_initiator: bool, iv: bytes, plaintext: bytes) -> bytes:
        under = _of(keys.suite)
        room = len(iv) + len(plaintext) + under.icv_size
        draft = with_fields(message, payloads=(*message.payloads, self._payload(bytes(room)))).encode()
        end = len(draft) - len(message.trailing)
        head = draft[: end - room]
        return head + under.seal(_direction(keys, by_initiator), head, iv, plaintext) + draft[end:]


def _padded(under: Protection, content: bytes, padding: bytes, pad_length: int | None) -> bytes:
    fill = -(len(content) + len(padding) + 1) % under.alignment
    pad = padding + bytes(fill)
    stated = len(pad) if pad_length is None else pad_length
    return content + pad + bytes((stated & 0xFF,))


@value
class OpenedFragment:
    """One fragment, opened: its place, the first payload type it names, and its piece of the inner octets."""

    number: int
    total: int
    first: int
    plaintext: bytes


def open_sealed(octets: bytes, keys: Keys, *, by_initiator: bool) -> Opened | Sealed:
    """What the Encrypted payload at the end of a whole IKE message holds, or why it does not open (section 3.14).

    `octets` begin with SPIi. `by_initiator` is true for what the original initiator of the IKE SA sent. Never raises.
    """
    found = _find(octets)
    if isinstance(found, str):
        return Sealed(found)
    kind, at = found
    if kind != _SK:
        return Sealed("the message is a fragment")
    plaintext = _unprotect(octets, at + _PAYLOAD_HEADER, keys, by_initiator)
    if isinstance(plaintext, Sealed):
        return plaintext
    first = octets[at]
    chain = decode_chain(first, plaintext, 2)
    return Opened(chain.payloads, chain.trailing, chain.why, plaintext, first)


def open_fragment(octets: bytes, keys: Keys, *, by_initiator: bool) -> OpenedFragment | Sealed:
    """The piece that an Encrypted Fragment payload at the end of a whole IKE message holds (RFC 7383 section 2.5).

    Numbers are as sent, also impossible ones. Never raises.
    """
    found = _find(octets)
    if isinstance(found, str):
        return Sealed(found)
    kind, at = found
    if kind != _SKF:
        return Sealed("the message is no fragment")
    if len(octets) < at + _FRAGMENT_HEADER:
        return Sealed("the fragment ends before its numbers")
    plaintext = _unprotect(octets, at + _FRAGMENT_HEADER, keys, by_initiator)
    if isinstance(plaintext, Sealed):
        return plaintext
    number, total = (
        int.from_bytes(octets[at + 4 : at + 6], "big"),
        int.from_bytes(octets[at + 6 : at + 8], "big"),
    )
    return OpenedFragment(number, total, octets[at], plaintext)


def reassemble(fragments: Iterable[OpenedFragment]) -> Opened | Sealed:
    """The payloads of a fragmented message, pieces in any order (RFC 7383 section 2.6); the largest total counts.

    Pieces with other totals, or with a number outside 1 … total, are left out; the first of equal numbers is taken.
    """
    pieces = tuple(fragments)
    total = max((piece.total for piece in pieces), default=0)
    by_number: dict[int, OpenedFragment] = {}
    for piece in pieces:
        if piece.total == total and 1 <= piece.number <= total:
            by_number.setdefault(piece.number, piece)
    if len(by_number) < total or not total:
        return Sealed(f"{len(by_number)} of {total} fragments are here", authentic=True)
    plaintext = b"".join(by_number[number].plaintext for number in range(1, total + 1))
    first = by_number[1].first
    chain = decode_chain(first, plaintext, 2)
    return Opened(chain.payloads, chain.trailing, chain.why, plaintext, first)


def _unprotect(octets: bytes, body_at: int, keys: Keys, by_initiator: bool) -> bytes | Sealed:
    pair = _direction(keys, by_initiator)
    try:
        under = _of(keys.suite)
    except UnsupportedAlgorithm as error:
        return Sealed(str(error))
    if (len(pair[0]), len(pair[1])) != under.key_sizes:
        return Sealed("the keys of this direction are not known")
    plaintext = under.open(pair, octets[:body_at], octets[body_at:])
    if isinstance(plaintext, Sealed):
        return plaintext
    if not plaintext:
        return Sealed("nothing is encrypted, not even a pad length", authentic=True)
    pad = plaintext[-1]
    if pad >= len(plaintext):
        return Sealed(f"a pad length of {pad} exceeds the {len(plaintext)} octets encrypted", authentic=True)
    return plaintext[: len(plaintext) - 1 - pad]


def _find(octets: bytes) -> tuple[int, int] | str:
    """Type and place of the protected payload that ends the message, or why there is none."""
    size = len(octets)
    if size < _IKE_HEADER:
        return f"{size} octets hold no IKE header"
    stated = int.from_bytes(octets[24:28], "big")
    if stated != size:
        return f"the header says {stated} octets, there are {size}"
    kind, at = octets[16], _IKE_HEADER
    while kind:
        if at + _PAYLOAD_HEADER > size:
            return f"payload {kind} begins after the end of the message"
        length = int.from_bytes(octets[at + 2 : at + 4], "big")
        if kind in (_SK, _SKF):
            left = size - at
            return (kind, at) if length == left else f"payload {kind} says {length} octets, {left} are left"
        if length < _PAYLOAD_HEADER:
            return f"payload {kind} says {length} octets"
        kind, at = octets[at], at + length
    return "no payload of the message is protected"
