"""One captured datagram of a conversation with the target, read as far as the keys allow."""

from dataclasses import dataclass, field
from typing import Any

from harness.codes import Exchange, PayloadV2
from harness.observe.header import Header
from harness.observe.observed import Doubt
from harness.wire import Message, NotIke, decode, v2
from harness.wire.datagram import UDP, Datagram, Endpoint, Kind
from harness.wire.packet import Echo, read_echo

_SK, _SKF = int(PayloadV2.SK), int(PayloadV2.SKF)
_SEALED = frozenset({_SK, _SKF})
_NEVER_FRAGMENTS = frozenset({0, _SK})
_INITIAL = frozenset({int(Exchange.IKE_SA_INIT), int(Exchange.IKE_SESSION_RESUME)})
_FRAGMENT_AT = 32  # behind the IKE header and the generic header of an SKF payload that comes first


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a Child SA, or of what one should have carried, as far as it can be read."""

    spi: bytes
    """Empty for a packet in clear."""
    number: int
    """The sequence number; of an extended one that did not open, the half that is shown."""
    known: bool = False
    """Whether the keys of its SPI are there."""
    opened: bool = False
    next_header: int | None = None
    inner: Datagram | None = None
    """The packet inside; None: there is none that can be read, and `why` says why."""
    why: str = ""
    notes: tuple[str, ...] = ()
    """What is odd about it."""

    @property
    def echo(self) -> Echo | None:
        """The ICMP echo inside."""
        return None if self.inner is None else read_echo(self.inner)

    def __str__(self) -> str:
        """The packet in a few words."""
        shown = f"ESP, SPI {self.spi.hex()}, number {self.number}" if self.spi else "in clear"
        if self.inner is None:
            return f"{shown} {{ {self.why} }}" if self.why else shown
        inner, echo = self.inner, self.echo
        what = f"protocol {inner.protocol}, {len(inner.data)} octets"
        if echo is not None:
            what = f"echo {'reply' if echo.is_reply else 'request'} {echo.identifier}/{echo.sequence}"
        return f"{shown} {{ {inner.source.address} > {inner.destination.address} {what} }}"


@dataclass(slots=True, eq=False)
class Seen:
    """A frame, its marks, and what is in it; the octets decode when somebody asks for more than the header."""

    number: int
    """The frame's number in the capture, from 1."""
    time: float
    source: Endpoint
    destination: Endpoint
    from_target: bool
    kind: Kind
    octets: bytes
    """The datagram's content without the non-ESP marker."""
    header: Header | None = None
    """None when the datagram is not IKE or has fewer than 28 octets."""
    marks: tuple[str, ...] = ()
    due: bool = False
    """The script says that this request must be answered."""
    hostile: bool = False
    """The script makes no claim on an answer."""
    ip_id: int | None = None
    parts: tuple[int, ...] = ()
    """The frames that a reassembled message came in; empty when it came in one."""
    joined_in: int | None = None
    """The frame that completes the message of which this one is a fragment."""
    inner: tuple[Any, ...] | None = None
    """The payloads that were sealed; None until they are opened."""
    spoiled: str | None = None
    """Why it does not open although the keys of its SA are known."""
    notes: tuple[str, ...] = ()
    """What is odd about how it opened."""
    whole: bytes | None = None
    """The message that the fragments of version 1 were cut from."""
    packet: Packet | None = None
    """The packet of a Child SA that it is."""
    over_tcp: bool = False
    """Whether it came in a TCP stream (RFC 9329)."""
    protocol: int = UDP
    """The IP protocol, or TCP_STREAM for a message of a stream."""
    _message: Message | None = field(default=None, repr=False)

    @property
    def message(self) -> Message | None:
        """The decoded message, sealed payloads as they came; None when there is no IKE header to read."""
        if self._message is None and self.header is not None:
            decoded = decode(self.octets if self.whole is None else self.whole)
            self._message = None if isinstance(decoded, NotIke) else decoded
        return self._message

    @property
    def payloads(self) -> tuple[Any, ...]:
        """The payloads in order, those of an opened envelope in its place."""
        if self.inner is not None and self._begins_sealed:
            return self.inner
        message = self.message
        if message is None:
            return ()
        if self.inner is None:
            return tuple(message.payloads)
        if message.major == 1:
            return self.inner
        return (*(payload for payload in message.payloads if payload.type not in _SEALED), *self.inner)

    @property
    def _begins_sealed(self) -> bool:
        """Version 2: whether nothing stands before the Encrypted payload, which is the last one."""
        header = self.header
        return header is not None and not header.is_v1 and header.next_payload in _SEALED

    @property
    def sealed(self) -> bool:
        """Whether its content is encrypted, as the header and the payload types tell."""
        header = self.header
        if header is None:
            return False
        if header.is_v1:
            return header.encrypted or (self.whole is not None and bool(self.whole[19] & 0x01))
        if header.next_payload in _SEALED:
            return True
        if header.exchange in _INITIAL or header.next_payload == 0 or self.message is None:
            return False
        return any(payload.type in _SEALED for payload in self.message.payloads)

    @property
    def opened(self) -> bool | None:
        """Whether the sealed content was opened; None when nothing was sealed."""
        return True if self.inner is not None else (False if self.sealed else None)

    @property
    def doubt(self) -> Doubt | None:
        """Why payloads may be in it that nobody sees."""
        if self.inner is not None or not self.sealed:
            return None
        return Doubt.NO_KEYS if self.spoiled is None else Doubt.DOES_NOT_OPEN

    @property
    def why(self) -> str:
        """What kept it from being read; empty when nothing did."""
        if self.header is None:
            return f"{len(self.octets)} octets hold no IKE header" if self.kind is Kind.IKE else ""
        if self.doubt is Doubt.DOES_NOT_OPEN:
            return f"frame {self.number} does not open with the keys of its SA: {self.spoiled}"
        if self.joined_in is not None and self.inner is None:
            return f"frame {self.number} is a fragment of the message that frame {self.joined_in} completes"
        if self.doubt is Doubt.NO_KEYS:
            return f"frame {self.number} is sealed and its keys are not known"
        return ""

    @property
    def frames(self) -> tuple[int, ...]:
        """Every frame that the message came in."""
        return self.parts or (self.number,)

    @property
    def fragment(self) -> tuple[int, int] | None:
        """Fragment Number and Total Fragments (RFC 7383 section 2.5); None for a message that came in one piece."""
        header = self.header
        if header is None or header.next_payload in _NEVER_FRAGMENTS or header.is_v1:
            return None
        if header.next_payload == _SKF and len(self.octets) >= _FRAGMENT_AT + 4:
            numbers = self.octets[_FRAGMENT_AT : _FRAGMENT_AT + 4]
            return int.from_bytes(numbers[:2], "big"), int.from_bytes(numbers[2:], "big")
        if header.exchange in _INITIAL or self.message is None:
            return None
        last = self.message.payloads[-1] if self.message.payloads else None
        return (last.number, last.total) if isinstance(last, v2.EncryptedFragment) else None

    @property
    def exchange(self) -> int | None:
        """The exchange type."""
        return None if self.header is None else self.header.exchange

    @property
    def message_id(self) -> int | None:
        """The Message ID."""
        return None if self.header is None else self.header.message_id

    @property
    def flags(self) -> int | None:
        """The flags octet of the header."""
        return None if self.header is None else self.header.flags

    @property
    def spi_i(self) -> bytes | None:
        """The initiator's SPI, or cookie."""
        return None if self.header is None else self.header.spi_i

    @property
    def spi_r(self) -> bytes | None:
        """The responder's SPI, or cookie."""
        return None if self.header is None else self.header.spi_r

    @property
    def is_request(self) -> bool:
        """A request of version 2."""
        return self.header is not None and self.header.is_request

    @property
    def is_response(self) -> bool:
        """A response of version 2."""
        return self.header is not None and not self.header.is_v1 and self.header.is_response

    def __repr__(self) -> str:
        side = "target" if self.from_target else "peer"
        return f"<frame {self.number} of the {side}: {self.kind} {self.header}>"
