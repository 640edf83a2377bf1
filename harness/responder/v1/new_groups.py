"""RFC 2409 section 5.6: New Group Mode: numbers of its own that a peer gives to groups, as policy lets it."""

from harness.codes import AttributeP1, Exchange, GroupTypeV1, IsakmpTransform, NotifyTypeV1, Protocol
from harness.crypto.modp import MODP_GROUPS, modp_prime
from harness.responder.context import Context, Incoming
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.messages import last_block, new_group_2
from harness.responder.v1.nat import moved
from harness.responder.v1.quick import forgotten_later, refuse
from harness.responder.v1.state import IsakmpSa, Phase1, Phase2, Quick
from harness.values import replace
from harness.wire import v1

PRIVATE_GROUPS = range(1 << 15, 1 << 16)
"""The numbers that groups may be given."""
GENERATOR = 2
"""Of the groups whose primes are made of the digits of pi (RFC 2409 section 6, RFC 3526)."""


@TABLE.on(Phase1.ESTABLISHED, Exchange.NEW_GROUP_MODE, rfc="2409/5.6")
def answer_new_group(context: Context, sa: IsakmpSa, request: Incoming) -> Step:
    """A group that policy accepts serves under its new number as long as the SA lives; else ATTRIBUTES-NOT-SUPPORTED."""
    offers = request.all(v1.SecurityAssociation)
    if len(offers) != 1 or not offers[0].proposals:
        return drop("New Group Mode without an offer")
    sa = replace(moved(sa, request), heard=context.now)
    given = context.decide("accept_new_group", sa, offers[0])
    if given is None:
        return refuse(context, sa, request, NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED)
    asked = Quick(
        message_id=request.message.message_id,
        state=Phase2.DONE,
        iv=last_block(sa, request.octets),
        received=request.octets,
    )
    octets = new_group_2(sa, asked, replace_next(offers[0]))
    known = {**dict(sa.new_groups), given[0]: given[1]}
    after = replace(sa, new_groups=tuple(known.items())).with_quick(replace(asked, sent=octets))
    return Step(
        send=(request.reply(octets),),
        changed=(after,),
        armed=(forgotten_later(context, after, asked),),
        events=("new-group",),
    )


def replace_next(offer: v1.SecurityAssociation) -> v1.SecurityAssociation:
    """The offer as an answer: what follows it in the message is not the same."""
    return v1.SecurityAssociation(doi=offer.doi, situation=offer.situation, proposals=offer.proposals)


@TABLE.decision(rfc="2409/5.6")
def accept_new_group(context: Context, sa: IsakmpSa, offer: v1.SecurityAssociation) -> tuple[int, int] | None:
    """The number given and the group that it stands for, or None: only groups whose strength is known are taken."""
    transforms = [(p.protocol, t) for p in offer.proposals for t in p.transforms]
    if len(transforms) != 1:
        return None
    protocol, transform = transforms[0]
    named = {attribute.type: _number(attribute.value) for attribute in transform.attributes}
    number = named.get(AttributeP1.GROUP_DESCRIPTION)
    if (protocol, transform.id) != (Protocol.IKE, IsakmpTransform.KEY_IKE) or number is None:
        return None
    if number not in PRIVATE_GROUPS:
        return None
    acceptable = (group for group in context.configuration.version1.new_groups if group in MODP_GROUPS)
    group = next((each for each in acceptable if named == _described(each, number)), None)
    return None if group is None else (number, group)


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big")


def _described(group: int, number: int) -> dict[int, int]:
    """The attributes that describe a known group of the type MODP under a number; none else are taken."""
    return {
        AttributeP1.GROUP_DESCRIPTION: number,
        AttributeP1.GROUP_TYPE: int(GroupTypeV1.MODP),
        AttributeP1.GROUP_PRIME: modp_prime(group),
        AttributeP1.GROUP_GENERATOR_ONE: GENERATOR,
    }
