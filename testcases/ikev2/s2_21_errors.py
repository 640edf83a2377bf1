"""RFC 7296 section 2.21: error handling."""

from harness.case import (
    Case,
    Findings,
    Initiator,
    Observed,
    Script,
    Seen,
    Trace,
    Weight,
    given,
    protected,
    that,
)
from harness.codes import Exchange, NotifyType, PayloadV2, Protocol
from harness.wire import Unknown, v2

CUT_REKEY_SA = bytes((Protocol.ESP, 200)) + int(NotifyType.REKEY_SA).to_bytes(2, "big")
"""The body of a REKEY_SA notify whose SPI would reach far beyond its end."""
CUT_DELETE = bytes((Protocol.ESP, 4, 0, 200))
"""The body of a Delete payload that announces 200 SPIs and has none."""


class MalformedContent(Case):
    """Malformed content under a good seal is answered with an error notify."""

    requirements = ("RFC7296-2.21.3-01", "RFC7296-3.10.1-08")
    deviants = ("swallows-malformed-content",)
    also = {"spec": ("J11",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        # In CREATE_CHILD_SA, for a minimal responder may answer any INFORMATIONAL with nothing (section 4).
        yield from alice.create_child(Unknown(type=PayloadV2.N, data=CUT_REKEY_SA), mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the IKE SA").is_present()
        yield that(_error(protected(trace.replies_to("probe"))), "an error notify").is_present()


def _error(answer: Observed[Seen]) -> Observed[v2.Notify]:
    """The first error notify of an answer (section 3.10.1: types below 16384)."""
    return answer.all(v2.Notify).then(
        lambda found: next((each for each in found if each.notify_type < NotifyType.INITIAL_CONTACT), None),
        "none of its notifies is of an error",
    )


class InvalidSyntaxIsFatal(Case):
    """After INVALID_SYNTAX the IKE SA serves no more."""

    requirements = ("RFC7296-2.21.3-04",)
    deviants = ("lives-on-after-invalid-syntax",)
    also = {"spec": ("J11",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        broken = Unknown(type=PayloadV2.D, data=CUT_DELETE)
        if (yield alice.informational(broken, mark="malformed")) is not None:
            yield alice.liveness(mark="probe", due=False, hostile=True)

    def judge(self, trace: Trace) -> Findings:
        refusal = trace.reply_to("malformed").find(v2.Notify, NotifyType.INVALID_SYNTAX)
        yield given(refusal, "INVALID_SYNTAX").is_present()
        served = protected(trace.replies_to("probe"))
        yield that(served, "a protected answer on an SA that ended").is_absent()


class _TooEarly(Case):
    """What must not be served before IKE_AUTH."""

    weight = Weight.MUST

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.marked("probe"), "a request before IKE_AUTH").is_present()
        served = trace.replies_to("probe").then(lambda seen: [s for s in seen if _serves(s)] or None)
        yield that(served, "a request served before IKE_AUTH", weight=self.weight).is_absent()


def _serves(answer: Seen) -> bool:
    """Whether an answer serves the request: an SA protects it, and it carries no error notify."""
    return bool(answer.opened) and not _error(Observed(answer)).present


class InformationalBeforeAuth(_TooEarly):
    """An INFORMATIONAL right after IKE_SA_INIT does no harm, and should not be answered as though all were well."""

    requirements = ("RFC7296-1-02", "RFC7296-1.4-01")
    deviants = ("serves-before-authentication",)
    also = {"spec": ("J14",), "cve": ("CVE-2019-12312",)}
    # Section 1 forbids the exchange at this point, and section 1.4 bids who gets a request to respond.
    weight = Weight.SHOULD

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.informational(mark="probe", hostile=True, due=False)


class ChildBeforeAuth(_TooEarly):
    """A CREATE_CHILD_SA right after IKE_SA_INIT is not served."""

    requirements = ("RFC7296-1-02", "RFC7296-1-01")
    deviants = ("serves-before-authentication",)
    also = {"spec": ("J14",), "cve": ("CVE-2014-2338",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield from alice.create_child(mark="probe", hostile=True, due=False)


class UnaskedResponse(Case):
    """A response to an IKE_SA_INIT that the device never sent is not answered."""

    requirements = ("RFC7296-2.21.4-02", "RFC7296-3.1-20")
    deviants = ("answers-responses",)
    also = {"spec": ("C02", "J20")}

    def script(self, alice: Initiator) -> Script:
        fake = bytes(range(1, 17)) + bytes((41, 0x20, Exchange.IKE_SA_INIT, 0x20)) + bytes(4)
        notify = bytes((0, 0, 0, 8, 0, 0)) + int(NotifyType.NO_PROPOSAL_CHOSEN).to_bytes(2, "big")
        length = (28 + len(notify)).to_bytes(4, "big")
        yield alice.raw(fake + length + notify, mark="probe", wait=2.0)

    def judge(self, trace: Trace) -> Findings:
        probe = trace.marked("probe")
        yield given(probe, "the response that nobody asked for").is_present()
        answered = trace.from_target().then(
            lambda seen: [s for s in seen if s.spi_i == probe.value.spi_i] or None
        )
        yield that(answered, "an answer to it").is_absent()
