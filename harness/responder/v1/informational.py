"""RFC 2409 section 5.7 and RFC 3706: Informational exchanges of the peer: Delete, notifies, liveness checks."""

from collections.abc import Sequence

from harness.codes import Doi, Exchange, NotifyTypeV1, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.step import NOTHING, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1 import peers
from harness.responder.v1.initiate import recreate
from harness.responder.v1.messages import informational, notify_about
from harness.responder.v1.nat import moved
from harness.responder.v1.own_quick import given_up, recreate_children
from harness.responder.v1.quick import take_connected
from harness.responder.v1.state import IpsecSa, IsakmpSa, Phase1, Phase2
from harness.values import replace
from harness.wire import v1

SEQUENCES = 1 << 32
ERRORS = range(1, 16384)
"""Notify types that tell of an error (RFC 2408 section 3.14.1)."""


@TABLE.on(Phase1.ESTABLISHED, Exchange.INFORMATIONAL_V1, rfc="2409/5.7")
def take_informational(context: Context, sa: IsakmpSa, message: Incoming) -> Step:
    """Deletes come first; what else the message says counts only if its SA is still there."""
    used = sa.used | {message.message.message_id}
    sa = replace(moved(sa, message), heard=context.now, used=used)
    deletes = message.all(v1.Delete)
    step: Step = context.decide("heed_deletes", sa, deletes) if deletes else Step(changed=(sa,))
    if sa.ours in step.gone:
        return step
    after = next((s for s in reversed(step.changed) if s.ours == sa.ours), sa)
    assert isinstance(after, IsakmpSa)
    return step.then(context.decide("heed_initial_contact", after, message)).then(
        _notifies(context, after, message)
    )


def _notifies(context: Context, sa: IsakmpSa, message: Incoming) -> Step:
    """The liveness check of the message answered, or its answer taken, or a refusal; other notifies change nothing."""
    for notify in message.all(v1.Notify):
        if notify.notify_type == NotifyTypeV1.CONNECTED:
            return take_connected(context, sa, message.message.message_id)
        if notify.notify_type == NotifyTypeV1.R_U_THERE:
            return answer_probe(context, sa, message, notify)
        if notify.notify_type == NotifyTypeV1.R_U_THERE_ACK:
            return take_acknowledgement(sa, notify)
        if notify.notify_type in ERRORS:
            return take_refusal(sa, notify)
    return NOTHING


def take_refusal(sa: IsakmpSa, notify: v1.Notify) -> Step:
    """A Quick Mode of ours that the peer refuses is not asked for again; the notify names our SPI, or only one waits."""
    waiting = [quick for quick in sa.quick if quick.state is Phase2.QUICK_1]
    refused = [quick for quick in waiting if notify.spi in quick.ours] or (
        waiting if len(waiting) == 1 else []
    )
    if not refused:
        return drop(f"an error notify of type {notify.notify_type} about nothing that was asked")
    return Step(changed=(given_up(sa, refused[0]),), events=("refused",))


def answer_probe(context: Context, sa: IsakmpSa, message: Incoming, probe: v1.Notify) -> Step:
    """R-U-THERE-ACK with the number of the query, in an Informational of its own (RFC 3706 section 5.3)."""
    if not context.decide("answers_probe", sa, probe):
        return drop("an R-U-THERE that is not in order")
    acknowledgement = notify_about(sa, NotifyTypeV1.R_U_THERE_ACK, probe.data)
    after, octets = informational(context, sa, acknowledgement)
    sequence = int.from_bytes(probe.data, "big")
    after = replace(after, peer_sequence=sequence, acknowledged=(message.octets, octets))
    return Step(send=(message.reply(octets),), changed=(after,))


@TABLE.decision(rfc="3706/6.2")
def answers_probe(context: Context, sa: IsakmpSa, probe: v1.Notify) -> bool:
    """Whether a query names this SA, and its number is not behind the last one; a repeated number is a repetition."""
    if not _about_this(sa, probe):
        return False
    ahead = 0 if sa.peer_sequence is None else int.from_bytes(probe.data, "big") - sa.peer_sequence
    return ahead % SEQUENCES < SEQUENCES // 2


def _about_this(sa: IsakmpSa, notify: v1.Notify) -> bool:
    """Whether a notify of RFC 3706 is laid out as section 5.3 says, with the cookies of this SA."""
    layout = (notify.doi, notify.protocol, notify.spi, len(notify.data))
    return layout == (Doi.IPSEC, Protocol.IKE, sa.cky_i + sa.cky_r, 4)


def take_acknowledgement(sa: IsakmpSa, notify: v1.Notify) -> Step:
    """The peer has shown that it lives, if the number is that of our query (RFC 3706 section 6.1)."""
    asked = sa.probe
    if asked is None or not _about_this(sa, notify) or notify.data != asked.sequence.to_bytes(4, "big"):
        return drop("an R-U-THERE-ACK to nothing that was asked")
    return Step(changed=(replace(sa, probe=None),))


@TABLE.decision(rfc="2408/5.15")
def heed_deletes(context: Context, sa: IsakmpSa, deletes: Sequence[v1.Delete]) -> Step:
    """What the peer has deleted goes here too, unanswered: IPsec SAs by the SPIs on which it receives, then ISAKMP SAs.

    A Delete may come under any ISAKMP SA of the same peer. Each SPI is looked at by itself; unknown ones are
    passed over.
    """
    family = {s.ours: s for s in (*peers.others_of(context, sa), sa)}
    lost: list[IpsecSa] = []
    ended: list[bytes] = []
    for delete in deletes:
        if delete.doi not in (Doi.IPSEC, Doi.ISAKMP):
            continue
        for spi in delete.spis:
            if delete.protocol == Protocol.IKE:
                ended += [s.ours for s in family.values() if s.cky_i + s.cky_r == spi and s.ours not in ended]
            else:
                lost += _lose(family, delete.protocol, spi)
    orphans = [child for ours in ended for child in family.pop(ours).children]
    events = ("ipsec-sa-deleted",) * len(lost) + ("isakmp-sa-deleted",) * len(ended)
    step = Step(changed=tuple(family.values()), gone=tuple(ended), events=events)
    step = step.then(peers.inherit(context, family.values(), orphans))
    return step.then(_again(context, sa, family, lost))


def _lose(family: dict[bytes, IsakmpSa], protocol: int, spi: bytes) -> list[IpsecSa]:
    """Take the IPsec SAs on which the peer receives `spi` out of the SA that has them."""
    for isakmp in family.values():
        child = next(
            (c for c in isakmp.children if (c.spi_out, c.proposal.protocol) == (spi, protocol)), None
        )
        if child is not None:
            family[isakmp.ours] = isakmp.without(child.spi_in)
            return [child]
    return []


def _again(context: Context, sa: IsakmpSa, left: dict[bytes, IsakmpSa], lost: list[IpsecSa]) -> Step:
    """What a device that may make lost SAs again begins; under responder-only nothing."""
    if not left:
        return recreate(context, sa)
    return recreate_children(context, left[sa.ours], lost) if sa.ours in left else NOTHING
