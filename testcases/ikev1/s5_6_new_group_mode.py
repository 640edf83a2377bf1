"""RFC 2409 section 5.6: New Group Mode."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, that
from harness.codes import AttributeP1, Exchange, IsakmpTransform, NotifyTypeV1, Protocol
from harness.wire import Message, replace, v1

MODP = 1
PRIVATE_GROUP = 0x8001
TOO_SMALL = b"\x07"
"""A prime that nobody would exchange keys by."""


def _new_group(message: Message) -> Message:
    """A first message of Quick Mode, made into one of New Group Mode: HASH(1) covers an SA payload in both."""
    attributes = (
        v1.Attribute(AttributeP1.GROUP_DESCRIPTION, PRIVATE_GROUP),
        v1.Attribute(AttributeP1.GROUP_TYPE, MODP),
        v1.Attribute(AttributeP1.GROUP_PRIME, TOO_SMALL),
        v1.Attribute(AttributeP1.GROUP_GENERATOR_ONE, b"\x02"),
    )
    proposal = v1.Proposal(1, Protocol.IKE, b"", (v1.Transform(1, IsakmpTransform.KEY_IKE, attributes),))
    offer = v1.SecurityAssociation(proposals=(proposal,))
    return replace(message, exchange=Exchange.NEW_GROUP_MODE, payloads=(message.payloads[0], offer))


class UnacceptableGroupIsRefused(Case):
    """A New Group Mode for a group that nobody can want is answered with ATTRIBUTES-NOT-SUPPORTED."""

    requirements = ("RFC2409-5.6-05", "RFC2409-5.6-03")
    deviants = ("v1-silent-on-new-groups",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("K07",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield alice.quick_mode_1(change=_new_group, mark="probe", due=True)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        yield given(trace.marked("probe"), "the New Group Mode").is_present()
        # New Group Mode SHOULD be implemented (section 5); who did not may say so.
        for kind in (NotifyTypeV1.INVALID_EXCHANGE_TYPE, NotifyTypeV1.UNSUPPORTED_EXCHANGE_TYPE):
            unknown = trace.reply_to("probe").find(v1.Notify, kind)
            yield given(unknown, "a word that there is no New Group Mode").is_absent()
        refusal = trace.reply_to("probe").find(v1.Notify, NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED)
        yield that(refusal, "the refusal").is_present()
