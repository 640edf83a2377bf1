"""RFC 7296 section 1.4: INFORMATIONAL, as a peer starts it: liveness and Delete."""

from dataclasses import replace

from harness.case import (
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
from harness.codes import NotifyType, Protocol
from harness.wire import v2

CHECKS = 100
PATIENTLY = (0.5, 1.0, 2.0, 4.0, 8.0)
"""When a check is sent again: of so many on a poor path, one will meet with ill luck several times over."""


class LivenessChecks(Case):
    """A hundred liveness checks get a hundred responses."""

    requirements = ("RFC7296-1.4-04",)
    deviants = ("tires-of-liveness-checks",)
    also = {"spec": ("A10",), "ipv6ready": ("EN.R.1.1.3.4", "SGW.R.1.1.3.4")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        for number in range(CHECKS):
            check = alice.liveness(mark=f"check {number}", retransmit=PATIENTLY, wait=2 * PATIENTLY[-1])
            if (yield check) is None:
                return

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("check 0"), "the first liveness check").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        for number in range(CHECKS):
            answer = protected(trace.replies_to(f"check {number}"))
            if not answer.present:
                yield that(answer, f"the answer to liveness check {number + 1} of {CHECKS}").is_present()
                return
        yield that(trace.reply_to(f"check {CHECKS - 1}"), "the last answer").is_present()


class DeleteOfAChild(Case):
    """The Delete of a Child SA is answered with the Delete of its other half; the IKE SA stays."""

    requirements = ("RFC7296-1.4.1-05", "RFC7296-1.4.1-01", "RFC7296-1.4-04")
    deviants = ("deletes-without-the-pair",)
    also = {"spec": ("A07", "F05"), "ipv6ready": ("EN.R.1.1.3.6", "SGW.R.1.1.3.6")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.delete_child(mark="delete")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        theirs = trace.reply_to("auth").find(v2.SecurityAssociation).proposals[0].spi
        yield given(theirs, "the SPI that the responder chose").is_present()
        answer = protected(trace.replies_to("delete"))
        yield that(answer, "the answer to the Delete", requirement="RFC7296-1.4-04").is_present()
        pair = answer.find(v2.Delete)
        yield that(pair, "the Delete of the other half").is_present()
        yield that(pair.spis.then(lambda spis: theirs.value in spis), "its SPI in that Delete").equals(True)
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(life, "the IKE SA's answer to a liveness check", requirement="RFC7296-1.4-04").is_present()


class DeletedChildIsGone(Case):
    """A Child SA that the peer deleted can't be rekeyed any more."""

    requirements = ("RFC7296-1.4.1-03", "RFC7296-1.4.1-01")
    deviants = ("keeps-deleted-children",)
    also = {"spec": ("F05",)}

    spi = b"\xde\xad\xbe\xef"

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        child = alice.ike.child
        yield alice.delete_child(mark="delete")
        yield from alice.rekey_child(child, delete_old=False, mark="probe")
        ghost = child and replace(child, spi_in=self.spi)
        yield from alice.rekey_child(ghost, delete_old=False, mark="ghost")

    def judge(self, trace: Trace) -> Findings:
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        answer = trace.outcome_of("probe")
        yield given(refusal(answer), "a refusal for reasons of policy").is_absent()
        yield that(answer, "the answer to the rekey").is_present()
        heir = answer.find(v2.SecurityAssociation)
        if heir.present:  # a target that does not look at REKEY_SA at all breaks another rule than this one
            fancied = trace.outcome_of("ghost").find(v2.SecurityAssociation)
            yield given(fancied, "a successor of a child that never was").is_absent()
        yield that(heir, "a successor of the child deleted").is_absent()


class DeleteOfTheIkeSa(Case):
    """The Delete of the IKE SA is answered with an empty response."""

    requirements = ("RFC7296-1.4.1-09",)
    deviants = ("answers-ike-delete-with-delete",)
    also = {"spec": ("F06",), "ipv6ready": ("EN.R.1.1.3.5", "SGW.R.1.1.3.5")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.delete_ike(mark="delete")

    def judge(self, trace: Trace) -> Findings:
        answer = protected(trace.replies_to("delete"))
        yield that(answer, "the answer to the Delete").is_present()
        yield that(answer.payloads.then(len), "the number of payloads in it").equals(0)


class DeletedIkeSaIsGone(Case):
    """On an IKE SA that the peer deleted nothing is served any more."""

    requirements = ("RFC7296-1.4.1-03", "RFC7296-1.4.1-08")
    deviants = ("outlives-its-deletion",)
    also = {"spec": ("F06",), "ipv6ready": ("EN.R.1.1.3.5", "SGW.R.1.1.3.5")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.delete_ike(mark="delete")
        yield alice.liveness(mark="probe", due=False, hostile=True)

    def judge(self, trace: Trace) -> Findings:
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()
        served = protected(trace.replies_to("probe"))
        yield that(served, "a protected answer on the deleted IKE SA").is_absent()


class OtherProtocolsAreSpared(Case):
    """A Delete for a protocol that has no SA here does no harm to the child with that SPI."""

    requirements = ("RFC7296-2.25.1-07",)
    deviants = ("deletes-whatever-the-protocol",)
    also = {"spec": ("F09",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        spis = tuple(child.spi_in for child in alice.ike.children)
        yield alice.informational(v2.Delete(protocol=Protocol.AH, spi_size=4, spis=spis), mark="delete")
        yield from alice.rekey_child(delete_old=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        told = trace.reply_to("delete")
        yield given(told, "the answer to the Delete").is_present()
        fatal = told.find(v2.Notify, NotifyType.INVALID_SYNTAX)
        yield given(fatal, "INVALID_SYNTAX, and with it the end of the IKE SA").is_absent()
        yield that(told.find(v2.Delete), "a Delete in the answer").is_absent()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        answer = trace.outcome_of("probe")
        yield given(refusal(answer), "a refusal for reasons of policy").is_absent()
        yield that(answer.find(v2.SecurityAssociation), "the child, rekeyed").is_present()
