"""RFC 7296 section 1.3: CREATE_CHILD_SA, as a peer starts it: new children and rekeys."""

from dataclasses import replace

from harness.case import (
    REFUSALS,
    Case,
    Findings,
    Initiator,
    Script,
    Trace,
    ended_by_target,
    given,
    protected,
    refusal,
    that,
)
from harness.codes import NotifyType, Protocol, TransformType
from harness.observe import Observed
from harness.wire import v2

OTHER_REFUSALS = (
    *(kind for kind in REFUSALS if kind != NotifyType.NO_ADDITIONAL_SAS),
    NotifyType.TS_UNACCEPTABLE,
    NotifyType.SINGLE_PAIR_REQUIRED,
)
"""By what else than NO_ADDITIONAL_SAS a policy may refuse a further child."""


class SecondChild(Case):
    """A second Child SA is made or refused by NO_ADDITIONAL_SAS; the IKE SA stays either way."""

    requirements = ("CISCO-RO-43", "RFC7296-1.3.1-11", "RFC7296-1.3.1-01")
    deviants = ("second-child-ends-the-ike-sa",)
    also = {"spec": ("A05", "C10"), "ipv6ready": ("EN.R.1.2.7.1", "SGW.R.1.2.7.1")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(mark="second")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("second")
        yield given(refusal(answer, OTHER_REFUSALS), "a refusal for reasons of another policy").is_absent()
        refused = answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS)
        made = answer.find(v2.SecurityAssociation)
        yield that(made if made.present else refused, "the second child, or NO_ADDITIONAL_SAS").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(
            life, "the IKE SA's answer to a liveness check", requirement="RFC7296-1.3.1-11"
        ).is_present()


class SecondChildWithKeyExchange(Case):
    """A second Child SA with a key exchange of its own is answered with the responder's KE."""

    requirements = ("RFC7296-1.3.1-01",)
    deviants = ("leaves-the-key-exchange-out",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(pfs=True, mark="second")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("second")
        yield given(_group(answer), "a suite with a group, taken by the target").is_present()
        yield that(answer.find(v2.KeyExchange), "the responder's KE").is_present()


def _group(answer: Observed) -> Observed:
    """The group of the suite that an answer takes."""
    transforms = answer.find(v2.SecurityAssociation).proposals[0].transforms
    return transforms.then(
        lambda ts: next((t.id for t in ts if t.type == TransformType.KE and t.id), None), "it has no group"
    )


class _RekeyOfAChild(Case):
    """What both rekeys of a child must show."""

    pfs: bool = False

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield from alice.rekey_child(pfs=self.pfs, mark="rekey", delete_old=False)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("auth").find(v2.SecurityAssociation).proposals[0].spi
        yield given(first, "the SPI of the first child").is_present()
        answer = trace.outcome_of("rekey")
        yield given(refusal(answer), "a refusal for reasons of policy").is_absent()
        for kind, name in (
            (v2.SecurityAssociation, "the SA accepted"),
            (v2.Nonce, "the responder's nonce"),
            (v2.TrafficSelectorsI, "TSi"),
            (v2.TrafficSelectorsR, "TSr"),
        ):
            yield that(answer.find(kind), name).is_present()
        renewed = answer.find(v2.SecurityAssociation).proposals[0].spi
        yield that(renewed, "the SPI of the new child").satisfies(
            lambda spi: spi != first.value, "differs from the old one"
        )


class RekeyOfAChild(_RekeyOfAChild):
    """A peer's rekey of a Child SA is answered with an SA, a nonce and selectors, under a new SPI."""

    requirements = ("RFC7296-1.3.3-04", "CISCO-RO-43", "CISCO-RO-07")
    deviants = ("leaves-the-nonce-out-of-a-rekey", "rekeys-under-the-old-spi")
    also = {"spec": ("A06",), "ipv6ready": ("EN.R.1.2.1.1", "SGW.R.1.2.1.1")}


class RekeyOfAChildWithKeyExchange(_RekeyOfAChild):
    """A peer's rekey of a Child SA with a key exchange is answered with the responder's KE."""

    requirements = ("RFC7296-1.3.3-04", "CISCO-RO-07")
    deviants = ("leaves-the-key-exchange-out",)
    also = {"spec": ("A06",), "ipv6ready": ("EN.R.1.2.5.5", "SGW.R.1.2.5.5")}
    pfs = True

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = trace.outcome_of("rekey")
        yield given(_group(answer), "a suite with a group, taken by the target").is_present()
        yield that(answer.find(v2.KeyExchange), "the responder's KE").is_present()


class RekeyOfAnUnknownChild(Case):
    """The rekey of a Child SA that is not there is answered with CHILD_SA_NOT_FOUND and its SPI; the IKE SA stays."""

    requirements = ("RFC7296-2.25-06", "RFC7296-2.25-07", "RFC7296-2.21-04")
    deviants = ("rekeys-a-child-that-is-not-there", "not-found-names-another-spi")
    also = {"spec": ("J16",)}

    spi = b"\xde\xad\xbe\xef"

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        ghost = alice.ike.child and replace(alice.ike.child, spi_in=self.spi)
        yield from alice.rekey_child(ghost, mark="rekey", delete_old=False)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("rekey")
        yield given(refusal(answer), "a refusal for reasons of policy").is_absent()
        unknown = answer.find(v2.Notify, NotifyType.CHILD_SA_NOT_FOUND)
        yield that(unknown, "CHILD_SA_NOT_FOUND").is_present()
        if unknown.present:
            yield that(unknown.spi, "the SPI in it", requirement="RFC7296-2.25-07").equals(self.spi)
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(
            life, "the IKE SA's answer to a liveness check", requirement="RFC7296-2.21-04"
        ).is_present()


class _RekeyOfTheIkeSa(Case):
    """A peer's rekey of the IKE SA, and what it asks first on the new one."""

    first_mark = "first request on the new SA"

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        old = alice.ike
        yield from alice.rekey_ike(mark="rekey")
        if alice.ike is not old:
            yield from self.then(alice)

    def then(self, alice: Initiator) -> Script:
        """What the peer does on the new IKE SA."""
        yield alice.liveness(mark=self.first_mark)


class RekeyOfTheIkeSa(_RekeyOfTheIkeSa):
    """A peer's rekey of the IKE SA makes a new one, on which the peer counts from Message ID 0."""

    requirements = ("RFC7296-1.3.2-04", "RFC7296-1.3.2-05", "CISCO-RO-07")
    deviants = ("keeps-counting-after-ike-rekey",)
    also = {
        "spec": ("A08",),
        "ipv6ready": ("EN.R.1.2.6.1", "EN.R.1.2.6.3", "SGW.R.1.2.6.1", "SGW.R.1.2.6.3"),
    }

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("rekey")
        yield given(refusal(answer), "a refusal for reasons of policy").is_absent()
        chosen = answer.find(v2.SecurityAssociation)
        yield that(chosen.proposals[0].field("protocol"), "the protocol rekeyed").equals(Protocol.IKE)
        yield that(answer.find(v2.KeyExchange), "the responder's KE").is_present()
        yield that(answer.find(v2.Nonce), "the responder's nonce").is_present()
        yield given(trace.marked(self.first_mark).message_id, "the Message ID of a request on it").equals(0)
        fresh = protected(trace.replies_to(self.first_mark))
        yield that(fresh, "the answer on the new IKE SA", requirement="RFC7296-1.3.2-05").is_present()


class RolesAfterAnIkeRekey(_RekeyOfTheIkeSa):
    """On the IKE SA that a peer's rekey made the device is the responder: it never sets the I flag there."""

    requirements = ("RFC7296-3.1-25", "RFC7296-3.1-24", "RFC7296-1.3.2-07")
    deviants = ("takes-the-initiators-role-on-rekey",)
    subject = "INV-03"
    also = {"spec": ("A08",)}

    def judge(self, trace: Trace) -> Findings:
        moved = trace.outcome_of("rekey").find(v2.SecurityAssociation)
        yield given(moved, "the rekey of the IKE SA").is_present()
        yield given(trace.reply_to(self.first_mark), "an answer on the new IKE SA").is_present()


class ChildrenSurviveAnIkeRekey(_RekeyOfTheIkeSa):
    """The Child SAs live on under the IKE SA that a rekey made: there they can be rekeyed."""

    requirements = ("RFC7296-2.8-07",)
    deviants = ("rekeyed-ike-sa-orphans-children",)
    also = {"spec": ("A08",), "ipv6ready": ("EN.R.1.2.6.4", "SGW.R.1.2.6.4")}

    def then(self, alice: Initiator) -> Script:
        """A child of the old IKE SA is rekeyed on the new one."""
        yield from alice.rekey_child(delete_old=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        moved = trace.outcome_of("rekey").find(v2.SecurityAssociation)
        yield given(moved, "the rekey of the IKE SA").is_present()
        answer = trace.outcome_of("probe")
        yield given(refusal(answer), "a refusal for reasons of policy").is_absent()
        lost = answer.find(v2.Notify, NotifyType.CHILD_SA_NOT_FOUND)
        yield that(lost, "a word that the child is not there").is_absent()
        yield that(answer.find(v2.SecurityAssociation), "the child's rekey under the new IKE SA").is_present()
