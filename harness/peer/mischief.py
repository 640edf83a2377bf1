"""How a message is bent on request before it leaves: the words that every step of a peer understands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from harness.peer.script import RETRANSMIT, WAIT_S
from harness.wire import Message, Payload

Inner = tuple[Payload, ...] | tuple[int, bytes]
"""What is sealed: payloads, or the number of a first payload and raw octets."""


class Changes(TypedDict, total=False):
    """The keywords that every step takes; `Plan` says what each means."""

    mark: str | None
    due: bool | None
    hostile: bool | None
    change: Callable[[Message], Message] | None
    bend: Callable[[bytes], bytes] | None
    inner: Inner | None
    keys: Callable[[Any], Any] | None
    sealed: bool
    message_id: int | None
    padding: bytes
    pad_length: int | None
    pieces: int
    ahead: int
    retransmit: tuple[float, ...]
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one message is to be sent; the plain `Plan()` is an honest message without a mark."""

    mark: str | None = None
    """The label of its frame in the capture."""
    due: bool | None = None
    """Whether it must be answered; None: unless it was bent."""
    hostile: bool | None = None
    """Whether no claim is made on an answer; None: when it was bent and is not due."""
    change: Callable[[Message], Message] | None = None
    """Bends the message before it is encoded; what is to be sealed stands there as plain payloads."""
    bend: Callable[[bytes], bytes] | None = None
    """Bends the octets of the finished message, header and all, without the non-ESP marker."""
    inner: Inner | None = None
    """What to seal in place of the payloads: other payloads, or (first type, raw octets)."""
    keys: Callable[[Any], Any] | None = None
    """Gives the keys to seal with, from the right ones."""
    sealed: bool = True
    """False: what should be sealed goes out in clear."""
    message_id: int | None = None
    """Another Message ID than the next one."""
    padding: bytes = b""
    """Octets of padding to seal besides what the cipher needs."""
    pad_length: int | None = None
    """A Pad Length to state that is not the truth (version 2)."""
    pieces: int = 1
    """In how many fragments it goes out; each is bent by itself (version 2, RFC 7383)."""
    ahead: int = 0
    """How many requests before it may be unanswered still: its Message ID is so much later (version 2)."""
    retransmit: tuple[float, ...] = RETRANSMIT
    wait: float = WAIT_S

    @property
    def bent(self) -> bool:
        """Whether anything about the message is not what an honest end would send."""
        return not (
            self.sealed
            and self.change is None
            and self.bend is None
            and self.inner is None
            and self.keys is None
            and self.message_id is None
            and self.pad_length is None
        )

    @property
    def is_due(self) -> bool:
        """Whether the message must be answered."""
        if self.due is not None:
            return self.due
        return not self.bent and not self.hostile

    @property
    def is_hostile(self) -> bool:
        """Whether the script makes no claim on an answer."""
        return self.bent and not self.is_due if self.hostile is None else self.hostile

    def changed(self, message: Message) -> Message:
        """`message`, bent before it is encoded."""
        return message if self.change is None else self.change(message)

    def finished(self, octets: bytes) -> bytes:
        """The octets of the finished message, bent."""
        return octets if self.bend is None else self.bend(octets)


HONEST = Plan()


def planned(changes: Changes) -> Plan:
    """How a message goes out that is to be bent like this."""
    return Plan(**changes) if changes else HONEST


def flip_last(octets: bytes) -> bytes:
    """`octets` with the last bit turned over: a bad ICV, or a bad last block."""
    return octets[:-1] + bytes([octets[-1] ^ 1])


def flip(position: int, bits: int = 1) -> Callable[[bytes], bytes]:
    """A bend that turns `bits` over in the octet at `position`."""

    def bend(octets: bytes) -> bytes:
        bent = bytearray(octets)
        bent[position] ^= bits
        return bytes(bent)

    return bend


def cut(count: int) -> Callable[[bytes], bytes]:
    """A bend that leaves the last `count` octets away."""
    return lambda octets: octets[:-count]
