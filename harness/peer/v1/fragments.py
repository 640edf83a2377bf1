"""Fragments of version 1 as the peer sends and takes them ([MS-IKEE] section 3)."""

from collections.abc import Callable, Sequence

from harness.peer.end import End, unframed
from harness.peer.script import Note, Request, Send, Steps
from harness.peer.v1.sa import IsakmpSa
from harness.sa.fragments_v1 import fragments
from harness.values import replace
from harness.wire import Message, v1
from harness.wire.datagram import frame

Arranging = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Gives the fragments to send from the right ones: in another order, doubled, with one left out or bent."""


class FragmentsV1(End):
    """A message of this end sent in pieces."""

    def in_fragments(
        self, action: Request | Send | Note, size: int = 200, arrange: Arranging = tuple
    ) -> Steps:
        """A message cut into fragments of at most `size` octets; the result is its answer.

        Only the last one that is sent is waited for and sent again, and has the mark.
        """
        if isinstance(action, Note):
            yield action
            return None
        natt = action.destination.port in self.nat_ports
        pieces = arrange(fragments(unframed(action.data, natt), size))
        for piece in pieces[:-1]:
            yield Send(frame(piece, natt), action.source, action.destination, hostile=action.hostile)
        answer: Message | None = yield replace(action, data=frame(pieces[-1], natt))
        return answer


def is_fragment(message: Message) -> bool:
    """Whether a message carries a fragment in place of everything else."""
    return not message.encrypted and [type(payload) for payload in message.payloads] == [v1.Fragment]


def joined(sa: IsakmpSa, message: Message) -> bytes | None:
    """The octets of the message that this fragment completes, or None while others are missing."""
    piece = message.find(v1.Fragment)
    assert piece is not None
    pieces = sa.pieces.setdefault(piece.fragment_id, {})
    pieces[piece.number] = piece
    last = next((number for number, each in pieces.items() if each.last), 0)
    if not last or set(pieces) != set(range(1, last + 1)):
        return None
    del sa.pieces[piece.fragment_id]
    return b"".join(pieces[number].data for number in range(1, last + 1))
