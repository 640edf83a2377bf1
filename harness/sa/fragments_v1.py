"""[MS-IKEE] section 2.2.3.1: a whole IKEv1 message, cut into others that each carry a piece of it."""

from zlib import crc32

from harness.wire import Message, decode, v1

_HEADERS = 36
"""Octets of a fragment before its data: the ISAKMP header, the generic header, and that of the Fragment payload."""


def fragments(octets: bytes, size: int) -> tuple[bytes, ...]:
    """The messages that carry `octets`, each no longer than `size`; the message itself if it is short enough.

    Numbers end at 255: a message that would need more fragments gets longer ones.
    The fragment ID follows from the octets, so that a message sent again is cut into the same fragments.
    """
    if len(octets) <= size:
        return (octets,)
    whole = decode(octets)
    assert isinstance(whole, Message)
    room = max(1, size - _HEADERS, -(-len(octets) // 255))
    pieces = [octets[at : at + room] for at in range(0, len(octets), room)]
    name = crc32(octets) % 0xFFFF + 1
    return tuple(
        _carrier(whole, v1.Fragment(name, number, int(number == len(pieces)), piece))
        for number, piece in enumerate(pieces, 1)
    )


def _carrier(whole: Message, piece: v1.Fragment) -> bytes:
    """A message in clear with the cookies, the exchange type and the Message ID of the whole one."""
    return Message(
        spi_i=whole.spi_i,
        spi_r=whole.spi_r,
        exchange=whole.exchange,
        flags=0,
        message_id=whole.message_id,
        payloads=(piece,),
        version=whole.version,
    ).encode()
