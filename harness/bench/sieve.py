"""A filter for the kernel (classic BPF): of what passes an interface, only what may be IKE is handed up.

Without it a listener on a busy gateway would be shown all that the gateway carries.
"""

import ctypes
import socket
import struct
from collections.abc import Collection, Iterator

from harness.wire.datagram import UDP
from harness.wire.packet import TCP

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("@HBBI")
_PROGRAM = struct.Struct("@HP")

# Load a word, a half word, an octet; the same from the place in the register X; jumps; the verdict.
_WORD_AT_X, _HALF, _HALF_AT_X, _OCTET = 0x40, 0x28, 0x48, 0x30
_X_IS_IPV4_HEADER, _X_IS = 0xB1, 0x01
_AND, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x54, 0x15, 0x45, 0x06
_IPV6_HEADER, _FRAGMENT_HEADER = 40, 44
_WHOLE = 0xFFFF_FFFF


class _Code:
    """Instructions with named places to jump to; a jump goes forward, by at most 255."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str, str]] = []
        self._places: dict[str, int] = {}

    def add(self, code: int, value: int, then: str = "", otherwise: str = "") -> None:
        """One instruction; an empty name is the next instruction."""
        self._lines.append((code, value, then, otherwise))

    def place(self, name: str) -> None:
        """The next instruction has this name."""
        self._places[name] = len(self._lines)

    def assembled(self) -> bytes:
        """The program."""
        return b"".join(self._octets())

    def _octets(self) -> Iterator[bytes]:
        for at, (code, value, *names) in enumerate(self._lines):
            jumps = [self._places[name] - at - 1 if name else 0 for name in names]
            yield _INSTRUCTION.pack(code, *jumps, value)


def ike_sieve(ports: Collection[int], nat_ports: Collection[int]) -> bytes:
    """A program for IP packets without a link header that lets pass: UDP on `ports`, UDP on `nat_ports` that begins with
    the non-ESP marker (RFC 3948 section 2.2), TCP on `nat_ports` (RFC 9329), and all fragments of UDP and TCP.
    """
    code = _Code()
    code.add(_OCTET, 0)
    code.add(_AND, 0xF0)
    code.add(_IF_EQUAL, 0x60, "version 6")
    code.add(_IF_EQUAL, 0x40, "", "out")
    code.add(_HALF, 6)
    code.add(_IF_ANY_BIT, 0x1FFF, "in")  # a later fragment
    code.add(_OCTET, 9)
    code.add(_X_IS_IPV4_HEADER, 0)
    code.add(_IF_EQUAL, TCP, "TCP")
    code.add(_IF_EQUAL, UDP, "UDP", "out")
    code.place("version 6")
    code.add(_OCTET, 6)
    code.add(_IF_EQUAL, _FRAGMENT_HEADER, "in")
    code.add(_X_IS, _IPV6_HEADER)
    code.add(_IF_EQUAL, TCP, "TCP")
    code.add(_IF_EQUAL, UDP, "UDP", "out")
    code.place("UDP")
    for at in (0, 2):
        code.add(_HALF_AT_X, at)
        for port in nat_ports:
            code.add(_IF_EQUAL, port, "marked")
    for at in (0, 2):
        code.add(_HALF_AT_X, at)
        for port in ports:
            code.add(_IF_EQUAL, port, "in")
    code.add(_RETURN, 0)
    code.place("TCP")
    for at in (0, 2):
        code.add(_HALF_AT_X, at)
        for port in nat_ports:
            code.add(_IF_EQUAL, port, "in")
    code.add(_RETURN, 0)
    code.place("marked")
    code.add(_WORD_AT_X, 8)
    code.add(_IF_EQUAL, 0, "in")
    code.place("out")
    code.add(_RETURN, 0)
    code.place("in")
    code.add(_RETURN, _WHOLE)
    return code.assembled()


def attach(opened: socket.socket, program: bytes) -> None:
    """From now on the socket receives only what the program lets pass."""
    code = ctypes.create_string_buffer(program, len(program))
    told = _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(code))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, told)
