"""RFC 7296 section 3.1 and RFC 2408 section 3.1: the header, the chain of payloads, whole messages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError  # noqa: N812  (the class's name says nothing)
from typing import Any, ClassVar, NamedTuple, SupportsBytes, TypeVar

from harness.codes import Exchange, name_of
from harness.wire import v1, v2
from harness.wire.fields import GENERIC_HEADER, Ciphertext, Malformed, Payload, Unknown
from harness.wire.generate import Broken

HEADER = Struct(">8s8sBBBBII")
_read_header = HEADER.unpack_from
_read_generic = GENERIC_HEADER.unpack_from

_Reader = Callable[[bytes, int, int], Any]
_CLASSES: Mapping[int, Mapping[int, type[Payload]]] = {
    1: {cls.type: cls for cls in v1.PAYLOADS},
    2: {cls.type: cls for cls in v2.PAYLOADS},
}
_READERS: Mapping[int, Mapping[int, _Reader]] = {
    major: {type_: cls.read for type_, cls in classes.items() if major != 2 or type_ not in v2.SEALS}
    for major, classes in _CLASSES.items()
}
_NO_READERS: Mapping[int, _Reader] = {}
_SEALS: Mapping[int, frozenset[int]] = {2: v2.SEALS}
_NO_SEALS: frozenset[int] = frozenset()

P = TypeVar("P", bound=Payload)


class Chain(NamedTuple):
    """Payloads read one after the other, the octets after the last one, and why reading stopped there."""

    payloads: tuple[Payload, ...]
    trailing: bytes = b""
    why: str | None = None


@dataclass(slots=True)
class NotIke:
    """Octets too few for an IKE header."""

    octets: bytes
    why: str = field(default="", compare=False)

    def encode(self) -> bytes:
        """The octets as they came."""
        return self.octets


@dataclass(slots=True, unsafe_hash=True)
class Message:
    """An IKE message of either version; treated as immutable.

    `next_payload` and `length` are None where they tell the truth. `trailing` are octets after the last
    readable payload; `why` says why reading stopped there (None: it didn't have to) and is not encoded.
    """

    NAMES: ClassVar[tuple[str, ...]] = (
        "spi_i",
        "spi_r",
        "exchange",
        "flags",
        "message_id",
        "payloads",
        "version",
        "next_payload",
        "length",
        "trailing",
        "why",
    )

    spi_i: bytes
    spi_r: bytes
    exchange: int
    flags: int
    message_id: int
    payloads: tuple[Payload, ...] = ()
    version: int = 0x20
    next_payload: int | None = None
    length: int | None = None
    trailing: bytes = b""
    why: str | None = field(default=None, compare=False)

    @property
    def major(self) -> int:
        """The major version."""
        return self.version >> 4

    @property
    def minor(self) -> int:
        """The minor version."""
        return self.version & 0xF

    @property
    def is_response(self) -> bool:
        """Version 2's R bit."""
        return self.major >= 2 and bool(self.flags & 0x20)

    @property
    def from_initiator(self) -> bool:
        """Version 2's I bit: sent by the original initiator of the IKE SA."""
        return self.major >= 2 and bool(self.flags & 0x08)

    @property
    def encrypted(self) -> bool:
        """Version 1's E bit."""
        return self.major == 1 and bool(self.flags & 0x01)

    def encode(self) -> bytes:
        """The octets; struct.error for a number beyond its field."""
        payloads = self.payloads
        chain = encode_chain(payloads)
        following = self.next_payload
        if following is None:
            following = payloads[0].type if payloads else 0
        length = self.length
        if length is None:
            length = 28 + len(chain) + len(self.trailing)
        header = HEADER.pack(
            self.spi_i,
            self.spi_r,
            following,
            self.version,
            self.exchange,
            self.flags,
            self.message_id,
            length,
        )
        return header + chain + self.trailing

    def all(self, cls: type[P], notify_type: int | None = None) -> tuple[P, ...]:
        """The payloads of a class, in order; of a notify type if one is given."""
        return tuple(
            p
            for p in self.payloads
            if isinstance(p, cls) and (notify_type is None or getattr(p, "notify_type", None) == notify_type)
        )

    def find(self, cls: type[P], notify_type: int | None = None) -> P | None:
        """The first payload of a class (and notify type), or None."""
        for payload in self.payloads:
            if isinstance(payload, cls) and (
                notify_type is None or getattr(payload, "notify_type", None) == notify_type
            ):
                return payload
        return None

    def __contains__(self, cls: type[Payload]) -> bool:
        return any(isinstance(p, cls) for p in self.payloads)

    def __str__(self) -> str:
        said = [name_of(Exchange, self.exchange)]
        if self.major >= 2:
            said += ["response" if self.is_response else "request", str(self.message_id)]
        elif self.message_id:
            said.append(f"{self.message_id:08x}")
        if self.major not in (1, 2):
            said.append(f"version {self.major}.{self.minor}")
        said.append(f"{{ {', '.join(map(str, self.payloads))} }}" if self.payloads else "{ }")
        if self.trailing:
            said.append(f"+ {len(self.trailing)} octets")
        return " ".join(said)


def decode(octets: bytes | SupportsBytes) -> Message | NotIke:
    """The message that `octets` are, whatever they are; `encode` of it gives the same octets back."""
    if octets.__class__ is not bytes:
        octets = bytes(octets)
    size = len(octets)
    if size < 28:
        return NotIke(octets, f"an IKE header is 28 octets, {size} came")
    spi_i, spi_r, first, version, exchange, flags, message_id, length = _read_header(octets)
    end = size if length >= size else max(length, 28)
    next_payload = None
    if version >> 4 == 1 and flags & 1:
        payloads: tuple[Payload, ...] = (Ciphertext(first, octets[28:end]),)
        why, at = None, end
    else:
        payloads, at, why = _read_chain(first, octets, 28, end, version >> 4)
        if not payloads and first:
            next_payload = first
    if length != size and why is None:
        why = f"the header says {length} octets, {size} came"
    return Message(
        spi_i,
        spi_r,
        exchange,
        flags,
        message_id,
        payloads,
        version,
        next_payload,
        None if length == size else length,
        octets[at:],
        why,
    )


def decode_header(octets: bytes) -> Message | NotIke:
    """What the header of these octets says, as a message of which nothing else was read."""
    if len(octets) < 28:
        return NotIke(octets, f"an IKE header is 28 octets, {len(octets)} came")
    spi_i, spi_r, first, version, exchange, flags, message_id, length = _read_header(octets)
    return Message(spi_i, spi_r, exchange, flags, message_id, (), version, first, length)


def decode_chain(first: int, octets: bytes, major: int) -> Chain:
    """The payloads that `octets` hold, the first of type `first`; anything unreadable is `trailing`."""
    payloads, at, why = _read_chain(first, octets, 0, len(octets), major)
    return Chain(payloads, octets[at:], why)


def _read_chain(
    kind: int, octets: bytes, at: int, end: int, major: int
) -> tuple[tuple[Payload, ...], int, str | None]:
    """Payloads from `at` on, where reading stopped, and why if it was before `end` or for want of octets."""
    reader_of = _READERS.get(major, _NO_READERS).get
    seals = _SEALS.get(major, _NO_SEALS)
    payloads: list[Payload] = []
    payload: Any
    why = None
    while kind:
        reader = reader_of(kind)
        try:
            payload = None if reader is None else reader(octets, at, end)
        except (Broken, StructError):
            payload = None
        if payload is None:
            payload = _read_with_reasons(kind, octets, at, end, major)
            if payload.__class__ is str:
                why = payload
                break
        payloads.append(payload)
        at += payload.length
        payload.length = None
        if reader is None and kind in seals:  # what its Next Payload names is inside
            kind = 0
            break
        kind = payload.next
        payload.next = None
    if kind and payloads:
        payloads[-1].next = kind
    if why is None and at < end:
        why = f"{end - at} octets after the last payload"
    return tuple(payloads), at, why


def _read_with_reasons(kind: int, octets: bytes, at: int, end: int, major: int) -> Payload | str:
    """A payload with `next` and `length` as its generic header says, or why there is none."""
    if end - at < 4:
        return f"payload {kind} at {at} wants a header of 4 octets, {end - at} left"
    following, flags, length = _read_generic(octets, at)
    stop = at + length
    if length < 4 or stop > end:
        return f"payload {kind} at {at} says {length} octets, {end - at} left"
    cls = _CLASSES.get(major, {}).get(kind)
    if cls is None:
        return Unknown(kind, octets[at + 4 : stop], flags=flags, next=following, length=length)
    try:
        payload: Payload = cls.decode_body(octets, at + 4, stop, flags)
    except Broken as broken:
        return Malformed(kind, octets[at + 4 : stop], str(broken), flags=flags, next=following, length=length)
    payload.next, payload.length = following, length
    return payload


def encode_chain(payloads: Sequence[Payload]) -> bytes:
    """The payloads with their generic headers; the last one's Next Payload is 0 unless it says otherwise."""
    parts = []
    following = 0
    for payload in reversed(payloads):
        parts.append(payload.encode(following))
        following = payload.type
    parts.reverse()
    return b"".join(parts)


def encode(message: Message | NotIke) -> bytes:
    """The octets of what `decode` gave, or of a message made by hand."""
    return message.encode()
