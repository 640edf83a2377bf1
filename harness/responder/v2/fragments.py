"""RFC 7383: messages of IKEv2 in fragments, each protected by itself, so that no forged one can spoil the rest."""

from typing import Any

from harness.codes import NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import Armed, Gathered, IkeSa, Served, Timer
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.sa.v2 import (
    Opened,
    OpenedFragment,
    Sealed,
    fragment_content,
    iv_size,
    open_fragment,
    open_sealed,
    reassemble,
    seal_fragment,
)
from harness.values import replace
from harness.wire import Message, decode, encode_chain, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import TCP_STREAM

UDP_HEADER, NON_ESP_MARKER = 8, 4
IP_HEADERS = {4: 20, 6: 40}


@TABLE.extension("init", rfc="7383/2.3")
def fragmentation_supported(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """Say that fragmentation is supported to a peer that said so."""
    if not agreed(context, request):
        return sa, ()
    return replace(sa, fragments=True), supported(context)


def agreed(context: Context, incoming: Incoming) -> bool:
    """Whether both ends are for fragmentation: the peer says so, and we are set up to."""
    said = incoming.find(v2.Notify, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)
    return said is not None and context.configuration.fragments is not None


def supported(context: Context) -> tuple[v2.Notify, ...]:
    """IKEV2_FRAGMENTATION_SUPPORTED, where it is so."""
    if context.configuration.fragments is None:
        return ()
    return (v2.Notify(notify_type=NotifyType.IKEV2_FRAGMENTATION_SUPPORTED),)


# --- out ----------------------------------------------------------------------------------------------------------


def cut(
    context: Context, sa: IkeSa, header: Message, whole: bytes, payloads: tuple[Any, ...]
) -> tuple[bytes, ...]:
    """The sealed message as it is, or in fragments if its IP datagram would be larger than is configured."""
    bounds = context.configuration.fragments
    if not sa.fragments or bounds is None or len(whole) + _around(sa) <= bounds.size or not payloads:
        return (whole,)
    if sa.protocol == TCP_STREAM:  # 9329/7.5
        return (whole,)
    return _pieces(context, sa, header, payloads[0].type, encode_chain(payloads))


def _around(sa: IkeSa) -> int:
    """What stands before the IKE header in an IP datagram of this SA."""
    ip = IP_HEADERS[6 if ":" in sa.remote.address else 4]
    return ip + UDP_HEADER + (NON_ESP_MARKER if sa.natt else 0)


def _pieces(context: Context, sa: IkeSa, header: Message, first: int, content: bytes) -> tuple[bytes, ...]:
    bounds = context.configuration.fragments
    assert sa.keys is not None
    assert bounds is not None
    suite = sa.keys.suite
    room = fragment_content(suite, bounds.size - _around(sa))
    chunks = [content[at : at + room] for at in range(0, len(content), room)]
    return tuple(
        seal_fragment(
            header,
            sa.keys,
            by_initiator=sa.we_started,
            iv=context.entropy.octets(iv_size(suite)),
            number=number,
            total=len(chunks),
            first=first if number == 1 else 0,
            content=chunk,
        )
        for number, chunk in enumerate(chunks, 1)
    )


# --- in -----------------------------------------------------------------------------------------------------------


def outer_fragment(incoming: Incoming) -> v2.EncryptedFragment | None:
    """The fragment that a message is; None if it is none."""
    last = incoming.message.payloads[-1] if incoming.message.payloads else None
    return last if isinstance(last, v2.EncryptedFragment) else None


def gather(context: Context, sa: IkeSa, incoming: Incoming, outer: v2.EncryptedFragment) -> Incoming | Step:
    """One more fragment: the whole message if it was the last one that lacked, or a step that keeps it (section 2.6).

    Its numbers are looked at before its ICV, and it is kept only if that holds. More fragments than before begin
    the message anew; fewer, and those that are here already, are dropped.
    """
    if not sa.fragments or sa.keys is None or not 1 <= outer.number <= outer.total:
        return drop("a fragment that was not agreed on, or whose numbers can't be")
    key = (incoming.message.message_id, incoming.message.is_response)
    before = next((g for g in sa.gathered if (g.message_id, g.response) == key), None)
    if before is not None and _is_old(before, outer):
        return drop("a fragment of a smaller set, or one that came before")
    piece = open_fragment(incoming.octets, sa.keys, by_initiator=not sa.we_started)
    if isinstance(piece, Sealed):
        return drop(f"does not open: {piece.why}")
    now = _with(context, before, key, piece, incoming.octets)
    return context.decide("enough_fragments", sa, now) or _joined(context, sa, incoming, now)


def _is_old(before: Gathered, outer: v2.EncryptedFragment) -> bool:
    there = outer.total == before.total and any(piece.number == outer.number for piece in before.pieces)
    return outer.total < before.total or there


def _with(
    context: Context, before: Gathered | None, key: tuple[int, bool], piece: OpenedFragment, octets: bytes
) -> Gathered:
    if before is None or piece.total > before.total:
        before = Gathered(*key, context.now, piece.total, ())
    first = octets if piece.number == 1 else before.first
    return replace(before, pieces=(*before.pieces, piece), first=first)


@TABLE.decision(rfc="7383/5")
def enough_fragments(context: Context, sa: IkeSa, gathered: Gathered) -> Step | None:
    """Who sends more fragments, or more in them, than a message can have loses the connection."""
    bounds = context.configuration.fragments
    assert bounds is not None
    octets = sum(len(piece.plaintext) for piece in gathered.pieces)
    if gathered.total <= bounds.most and octets <= bounds.octets:
        return None
    return Step(gone=(sa.ours,), events=("too-many-fragments",))


def _joined(context: Context, sa: IkeSa, incoming: Incoming, gathered: Gathered) -> Incoming | Step:
    whole = reassemble(gathered.pieces)
    if isinstance(whole, Opened):
        header = decode(gathered.first)
        assert isinstance(header, Message)
        message = replace(incoming, message=header, octets=gathered.first)
        return message.opened(tuple(whole.payloads), whole.why, whole.plaintext)
    others = sa.without_fragments(gathered.message_id, response=gathered.response).gathered
    bounds = context.configuration.fragments
    assert bounds is not None
    due = Armed(gathered.since + bounds.seconds, Timer.FRAGMENTS)
    return Step(
        changed=(replace(sa, gathered=(*others, gathered)),),
        armed=((sa.ours, due),) if len(gathered.pieces) == 1 else (),
    )


@TABLE.timer(Timer.FRAGMENTS, rfc="7383/2.6")
def forget_fragments(context: Context, sa: IkeSa, armed: Armed) -> Step:
    """A message that did not become whole in time never came."""
    bounds = context.configuration.fragments
    seconds = 0.0 if bounds is None else bounds.seconds
    kept = tuple(each for each in sa.gathered if each.since + seconds > context.now)
    return Step(changed=(replace(sa, gathered=kept),))


def repeated(context: Context, sa: IkeSa, incoming: Incoming, served: Served) -> Step:
    """The response once more for a request that comes in other fragments than before, or only now in fragments.

    Whoever asks so got nothing of what was sent: a response that went out whole is cut now (section 2.4).
    """
    then = sa if served.keys is None else replace(sa, keys=served.keys)
    assert then.keys is not None
    asked = open_fragment(incoming.octets, then.keys, by_initiator=not sa.we_started)
    if isinstance(asked, Sealed):
        return drop(f"does not open: {asked.why}")
    again = replace(served, request=incoming.octets, response=_cut_anew(context, then, served.response))
    kept = tuple(again if each is served else each for each in sa.served)
    return Step(send=tuple(map(incoming.reply, again.response)), changed=(replace(sa, served=kept),))


def _cut_anew(context: Context, sa: IkeSa, response: tuple[bytes, ...]) -> tuple[bytes, ...]:
    assert sa.keys is not None
    bounds, header = context.configuration.fragments, decode(response[0])
    said = open_sealed(response[0], sa.keys, by_initiator=sa.we_started)
    if isinstance(said, Sealed) or not isinstance(header, Message) or bounds is None:
        return response
    if len(response[0]) + _around(sa) <= bounds.size:
        return response
    bare = replace_message(header, payloads=(), next_payload=None, length=None)
    return _pieces(context, sa, bare, said.first, said.plaintext)
