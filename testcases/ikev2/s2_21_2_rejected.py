"""RFC 7296 section 2.21.2: errors in IKE_AUTH, and right after it."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, protected, that
from harness.codes import NotifyType
from harness.wire import v2


class ResponderIsNotBelieved(Case):
    """An initiator that says right after IKE_AUTH that it could not believe the responder leaves no IKE SA behind."""

    requirements = ("RFC7296-2.21.2-10",)
    deviants = ("keeps-an-ike-sa-that-was-rejected",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        failed = v2.Notify(notify_type=NotifyType.AUTHENTICATION_FAILED)
        if (yield alice.informational(failed, mark="rejected")) is not None:
            yield alice.liveness(mark="probe", due=False, hostile=True)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the IKE SA").is_present()
        yield given(trace.marked("probe"), "a request after an answered rejection").is_present()
        yield that(
            protected(trace.replies_to("probe")), "an answer on an IKE SA that was rejected"
        ).is_absent()
