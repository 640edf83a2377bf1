"""[MS-IKEE] section 3: messages that come in fragments, and messages that leave in fragments.

Anybody who knows the cookies can send fragments, so what they may occupy is bounded: one message at a time for an
SA, in number, in octets and in time.
"""

from harness.responder.context import Context, Incoming
from harness.responder.state import Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.state import IsakmpSa, Pieces
from harness.sa.fragments_v1 import fragments
from harness.values import replace
from harness.wire import Message, NotIke, decode, v1
from harness.wire.datagram import Datagram, frame

MOST_FRAGMENTS = 64
MOST_OCTETS = 1 << 15
PATIENCE_S = 30.0
"""Seconds after which an incomplete message is forgotten."""
FRAGMENTS = b"fragments"
"""What the timer is about that forgets them."""


def fragment_of(incoming: Incoming) -> v1.Fragment | None:
    """The fragment that a message in clear carries in place of everything else."""
    alone = incoming.payloads[0] if len(incoming.payloads) == 1 else None
    return alone if isinstance(alone, v1.Fragment) and not incoming.message.encrypted else None


def collect(context: Context, sa: IsakmpSa, incoming: Incoming) -> tuple[Step, IsakmpSa, Incoming | None]:
    """A fragment kept or dropped, the SA after it, and the whole message if this fragment completes it."""
    piece = fragment_of(incoming)
    assert piece is not None
    why = context.decide("refuses_fragment", sa, incoming, piece)
    if why is not None:
        return drop(why), sa, None
    pieces = sa.pieces if sa.pieces is not None and _still_wanted(context, sa.pieces, piece) else None
    fresh = pieces is None
    pieces = (pieces or Pieces(piece.fragment_id, context.now)).with_piece(piece)
    if not pieces.complete:
        waiting = replace(sa, pieces=pieces)
        forgotten = Armed(context.now + PATIENCE_S, Timer.HALF_OPEN, FRAGMENTS)
        return Step(changed=(waiting,), armed=((sa.ours, forgotten),) if fresh else ()), waiting, None
    done = replace(sa, pieces=None)
    whole = _whole(incoming, pieces)
    if isinstance(whole, str):
        return Step(changed=(done,), drop=whole), done, None
    return Step(changed=(done,)), done, whole


def _still_wanted(context: Context, pieces: Pieces, piece: v1.Fragment) -> bool:
    """Whether a fragment belongs to what has come: another fragment ID, or a long pause, begins anew."""
    return pieces.fragment_id == piece.fragment_id and context.now < pieces.since + PATIENCE_S


@TABLE.decision(rfc="MS-IKEE/3.1.5")
def refuses_fragment(context: Context, sa: IsakmpSa, incoming: Incoming, piece: v1.Fragment) -> str | None:
    """Why a fragment is not kept, or None."""
    if context.configuration.version1.fragmentation is None:
        return "a fragment, and fragmentation is not configured"
    if incoming.datagram.source.address != sa.remote.address:
        return "a fragment from another address than that of its SA"
    if incoming.why is not None or piece.length is not None or not piece.data:
        return "a malformed fragment"
    if not 1 <= piece.number <= MOST_FRAGMENTS:
        return f"fragment {piece.number} of at most {MOST_FRAGMENTS}"
    pieces = sa.pieces
    if pieces is None or not _still_wanted(context, pieces, piece):
        return None
    if not pieces.fits(piece):
        return "a fragment that contradicts those that came before"
    held = sum(len(data) for number, data in pieces.parts if number != piece.number)
    return "more fragments than a message may have" if held + len(piece.data) > MOST_OCTETS else None


def _whole(incoming: Incoming, pieces: Pieces) -> Incoming | str:
    """The message that was cut, as if it had come in one piece; its fragments are of the same exchange."""
    octets = pieces.octets
    message, cut = decode(octets), incoming.message
    if isinstance(message, NotIke):
        return "fragments of no message"
    if _place(message) != _place(cut):
        return "fragments of another message than they say"
    whole = replace(
        incoming, message=message, octets=octets, payloads=tuple(message.payloads), why=message.why
    )
    return "fragments of a fragment" if fragment_of(whole) is not None else whole


def _place(message: Message) -> tuple[bytes, bytes, int, int]:
    """The cookies, the major version and the exchange type of a message."""
    return message.spi_i, message.spi_r, message.major, message.exchange


def forget_fragments(context: Context, sa: IsakmpSa) -> Step:
    """An incomplete message that was waited for long enough is forgotten."""
    if sa.pieces is None or context.now < sa.pieces.since + PATIENCE_S:
        return Step()
    return Step(changed=(replace(sa, pieces=None),), events=("fragments-forgotten",))


# What leaves


def cut(context: Context, step: Step) -> Step:
    """The step with every message cut that is longer than configured, for peers that announced fragmentation."""
    config = context.configuration.version1.fragmentation
    if config is None or all(len(datagram.data) <= config.size for datagram in step.send):
        return step
    known = {sa.ours: sa for sa in (*context.world.all(), *step.changed) if isinstance(sa, IsakmpSa)}
    sent = [each for datagram in step.send for each in _cut(datagram, known, config.size)]
    return replace(step, send=tuple(sent))


def _cut(datagram: Datagram, known: dict[bytes, IsakmpSa], size: int) -> tuple[Datagram, ...]:
    natt = datagram.data.startswith(bytes(4))
    octets = datagram.data[4:] if natt else datagram.data
    sa = known.get(octets[8:16]) or known.get(octets[:8])
    if sa is None or not sa.peer_fragments:
        return (datagram,)
    return tuple(datagram._replace(data=frame(each, natt)) for each in fragments(octets, size))
