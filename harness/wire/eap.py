"""EAP messages (RFC 3748 section 4) and the packets of two methods in them; octets that are none are a sentence."""

from dataclasses import dataclass
from struct import Struct

from harness.codes import EapCode

_HEADER = Struct(">BBH")
_MS_HEADER = Struct(">BBH")
_TYPED = frozenset({int(EapCode.REQUEST), int(EapCode.RESPONSE)})


@dataclass(frozen=True, slots=True)
class EapMessage:
    """A Request or Response with its type and data, or a Success or Failure without; `length` None is the truth."""

    code: int
    identifier: int
    type: int | None = None
    data: bytes = b""
    length: int | None = None

    def encode(self) -> bytes:
        """The octets of an EAP payload's body."""
        kind = b"" if self.type is None else bytes([self.type])
        size = _HEADER.size + len(kind) + len(self.data)
        return (
            _HEADER.pack(self.code, self.identifier, size if self.length is None else self.length)
            + kind
            + self.data
        )


def read_eap(octets: bytes) -> EapMessage | str:
    """The message in an EAP payload, or why there is none; its length must be the payload's (RFC 7296 section 3.16)."""
    if len(octets) < _HEADER.size:
        return f"{len(octets)} octets hold no EAP header"
    code, identifier, length = _HEADER.unpack_from(octets)
    if length != len(octets):
        return f"the EAP message says {length} octets, there are {len(octets)}"
    if code not in _TYPED:
        return EapMessage(code, identifier) if length == _HEADER.size else "a Success or Failure with data"
    if length == _HEADER.size:
        return "an EAP Request or Response without a type"
    return EapMessage(code, identifier, octets[_HEADER.size], octets[_HEADER.size + 1 :])


@dataclass(frozen=True, slots=True)
class Value:
    """A value after its size, then the sender's name: what MD5-Challenge (RFC 3748 section 5.4) and MSCHAPv2 carry."""

    value: bytes
    name: bytes = b""

    def encode(self) -> bytes:
        """The octets; ValueError for a value of more than 255."""
        return bytes([len(self.value)]) + self.value + self.name


def read_value(octets: bytes) -> Value | None:
    """The value and the name in these octets; None if the value is longer than they are."""
    if not octets or len(octets) <= octets[0]:
        return None
    end = 1 + octets[0]
    return Value(octets[1:end], octets[end:])


@dataclass(frozen=True, slots=True)
class MsChap:
    """A packet of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02 section 2).

    What answers Success or Failure is an opcode alone: without identifier and data.
    """

    opcode: int
    identifier: int | None = None
    data: bytes = b""

    def encode(self) -> bytes:
        """The octets after the EAP type; MS-Length counts them."""
        if self.identifier is None:
            return bytes([self.opcode])
        return _MS_HEADER.pack(self.opcode, self.identifier, _MS_HEADER.size + len(self.data)) + self.data


def read_mschap(octets: bytes) -> MsChap | None:
    """The packet after the EAP type; None if its header or its length is wrong."""
    if len(octets) == 1:
        return MsChap(octets[0])
    if len(octets) < _MS_HEADER.size:
        return None
    opcode, identifier, length = _MS_HEADER.unpack_from(octets)
    return MsChap(opcode, identifier, octets[_MS_HEADER.size :]) if length == len(octets) else None
