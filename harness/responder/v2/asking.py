"""IKE_AUTH as a two-way device asks for it: what it says of itself, and what it makes of the response."""

from typing import Any

from harness.codes import NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, State
from harness.responder.v2.certificates import certificate_request, hashes_offered, with_chain, with_hashes
from harness.responder.v2.ppk import USE_PPK, mixed, ppk_id
from harness.responder.v2.proofs import presented_id, prove
from harness.values import replace
from harness.wire import v2

STANDING = (State.ESTABLISHED, State.REKEYED, State.CLOSING)
"""The states of an IKE SA whose ends are authenticated."""


def offered(context: Context) -> tuple[Any, ...]:
    """What goes into our IKE_SA_INIT request for the sake of authentication."""
    ppk = () if context.configuration.ppk is None else (USE_PPK,)
    return (*hashes_offered(context.configuration), *ppk)


def agreed(context: Context, sa: IkeSa, response: Incoming) -> IkeSa | None:
    """The SA with what the response to IKE_SA_INIT says; None if the post-quantum key must be used and can't."""
    ppk = context.configuration.ppk
    both = ppk is not None and response.find(v2.Notify, NotifyType.USE_PPK) is not None
    if ppk is not None and ppk.mandatory and not both:
        return None
    known = with_hashes(sa, response) if hashes_offered(context.configuration) else sa
    return replace(known, authenticating=replace(known.authenticating, with_ppk=both))


def shown(context: Context, sa: IkeSa) -> tuple[Any, ...] | None:
    """IDi, certificates, AUTH and what belongs to them; None if the peer would not understand our proof."""
    ours = presented_id(context.configuration, v2.IdInitiator)
    proof = prove(context, _mixed(context, sa), ours)
    if proof is None:
        return None
    first = (ours, *_initial_contact(context, sa), *certificate_request(context.configuration))
    return (*first, *proof, *_ppk_notifies(context, sa, ours))


def _initial_contact(context: Context, sa: IkeSa) -> tuple[v2.Notify, ...]:
    """INITIAL_CONTACT where this end has no other IKE SA with the peer (section 2.4)."""
    others = (each for each in context.world.all() if each.ours != sa.ours and context.own(each))
    standing = any(isinstance(each, IkeSa) and each.state in STANDING for each in others)
    return () if standing else (v2.Notify(notify_type=NotifyType.INITIAL_CONTACT),)


def _ppk_notifies(context: Context, sa: IkeSa, ours: Any) -> tuple[v2.Notify, ...]:
    """PPK_IDENTITY, and where the key is optional the AUTH data of who has it not (RFC 8784 section 3)."""
    ppk = context.configuration.ppk
    if ppk is None or not sa.authenticating.with_ppk:
        return ()
    named = v2.Notify(notify_type=NotifyType.PPK_IDENTITY, data=ppk_id(ppk))
    without = None if ppk.mandatory else prove(context, sa, ours)
    if without is None:
        return (named,)
    return named, v2.Notify(notify_type=NotifyType.NO_PPK_AUTH, data=without[-1].data)


def _mixed(context: Context, sa: IkeSa) -> IkeSa:
    ppk = context.configuration.ppk
    if ppk is None or not sa.authenticating.with_ppk:
        return sa
    return mixed(sa, ppk)


def proved(context: Context, sa: IkeSa, response: Incoming) -> IkeSa | None:
    """The SA with its final keys, if the response to IKE_AUTH proves who the peer is."""
    who, auth, ppk = (
        response.find(v2.IdResponder),
        response.find(v2.Authentication),
        context.configuration.ppk,
    )
    with_it = sa.authenticating.with_ppk and response.find(v2.Notify, NotifyType.PPK_IDENTITY) is not None
    if who is None or auth is None or (ppk is not None and ppk.mandatory and not with_it):
        return None
    known = with_chain(_mixed(context, sa) if with_it else sa, response)
    return known if context.decide("believes", known, who, auth) else None
