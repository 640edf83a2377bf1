"""RFC 7296 section 2.5: version numbers and forward compatibility."""

from harness.case import (
    Case,
    Findings,
    Initiator,
    Script,
    Trace,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import NotifyType
from harness.wire import Message, Unknown, replace, v2

STRANGER = 201
"""A payload type that no document assigns."""


class UnknownCriticalPayload(Case):
    """A request with an unknown critical payload is refused, and the refusal names it."""

    requirements = ("RFC7296-2.5-12", "RFC7296-2.5-13", "RFC7296-2.5-11")
    deviants = ("accepts-a-critical-stranger", "refusal-names-no-payload")
    also = {"spec": ("J03",), "ipv6ready": ("EN.R.1.1.4.4", "SGW.R.1.1.4.4")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(Unknown(type=STRANGER, data=b"", critical=True), mark="probe")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("probe")
        believed = answer.find(v2.Authentication)
        yield that(believed, "an AUTH of the responder", requirement="RFC7296-2.5-11").is_absent()
        refusal = answer.find(v2.Notify, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD)
        yield that(refusal, "the refusal").is_present()
        yield that(refusal.data, "its notification data", requirement="RFC7296-2.5-13").equals(
            bytes([STRANGER])
        )


class UnknownCriticalPayloadLater(Case):
    """An INFORMATIONAL with an unknown critical payload is refused, and the IKE SA stays."""

    requirements = ("RFC7296-2.5-12", "RFC7296-2.5-13", "RFC7296-2.21-04")
    deviants = ("accepts-a-critical-stranger", "refusal-names-no-payload")
    also = {"spec": ("J03",), "ipv6ready": ("EN.R.1.1.4.4", "SGW.R.1.1.4.4")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.informational(Unknown(type=STRANGER, data=b"strange", critical=True), mark="probe")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        refusal = trace.reply_to("probe").find(v2.Notify, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD)
        yield that(refusal, "the refusal").is_present()
        yield that(refusal.data, "its notification data", requirement="RFC7296-2.5-13").equals(
            bytes([STRANGER])
        )
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(
            life, "the IKE SA's answer to a liveness check", requirement="RFC7296-2.21-04"
        ).is_present()


class _BesideThePlainKind(Case):
    """An IKE SA of the plain kind first: what is refused after it was not refused for the configuration's sake."""

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="plain")
        yield alice.delete_ike()
        yield from self.then(alice)

    def then(self, alice: Initiator) -> Script:
        """What is asked otherwise than the plain kind."""
        raise NotImplementedError

    def judge(self, trace: Trace) -> Findings:
        plain = trace.reply_to("plain").find(v2.Authentication)
        yield given(plain, "an IKE SA of the plain kind").is_present()


class UnknownPayloadIsSkipped(_BesideThePlainKind):
    """An unknown payload without the critical flag is skipped."""

    requirements = ("RFC7296-2.5-14", "RFC7296-2.5-10")
    deviants = ("refuses-any-stranger",)
    also = {"spec": ("J04",), "ipv6ready": ("EN.R.1.1.4.3", "SGW.R.1.1.4.3")}

    def then(self, alice: Initiator) -> Script:
        """A stranger stands in both requests."""
        yield from alice.ike_sa_init(Unknown(type=STRANGER, data=b"strange"), mark="init")
        yield alice.ike_auth(Unknown(type=STRANGER, data=b"strange"), mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield that(trace.outcome_of("init").find(v2.KeyExchange), "the responder's KE").is_present()
        yield that(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()


class PayloadsInAnotherOrder(_BesideThePlainKind):
    """Payloads in another order than the figures' are no reason to refuse a message."""

    requirements = ("RFC7296-2.5-18",)
    deviants = ("insists-on-the-order-of-payloads",)
    also = {"spec": ("J05",)}

    def then(self, alice: Initiator) -> Script:
        """The payloads of IKE_AUTH come the other way round."""
        yield from alice.ike_sa_init()
        yield alice.ike_auth(change=_reversed, due=True, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield that(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()


def _reversed(message: Message) -> Message:
    return replace(message, payloads=tuple(reversed(message.payloads)))


class ReservedBitsAreIgnored(_BesideThePlainKind):
    """Reserved header flags, the V flag and a higher minor version are ignored."""

    requirements = ("RFC7296-3.1-17", "RFC7296-3.1-14", "RFC7296-3.1-22", "RFC7296-3.1-13")
    deviants = ("minds-reserved-bits",)
    also = {
        "spec": ("J04",),
        "ipv6ready": ("EN.R.1.1.4.1", "EN.R.1.1.11.3", "SGW.R.1.1.4.1", "SGW.R.1.1.11.3"),
    }

    def then(self, alice: Initiator) -> Script:
        """Every bit of an IKE_SA_INIT request that must be ignored is set."""
        yield from alice.ike_sa_init(change=_reserved_set, due=True, mark="init")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = trace.outcome_of("init")
        yield that(answer.find(v2.KeyExchange), "the responder's KE").is_present()
        minor = that(answer.message.minor, "the minor version of the answer", requirement="RFC7296-3.1-13")
        yield minor.equals(0)


def _reserved_set(message: Message) -> Message:
    return replace(message, flags=message.flags | 0xC7 | 0x10, version=0x2F)


class HigherMajorVersion(Case):
    """A message of major version 3 is not served; an answer, if one comes, is INVALID_MAJOR_VERSION."""

    requirements = ("RFC7296-2.5-02", "RFC7296-3.1-12", "RFC7296-2.5-03")
    deviants = ("follows-any-major-version",)
    also = {"spec": ("J07",), "ipv6ready": ("EN.R.1.1.4.2", "SGW.R.1.1.4.2")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(change=_version_3, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.KeyExchange), "a key exchange in version 3").is_absent()
        wanted = "RFC7296-3.1-12" if answer.present else "RFC7296-2.5-03"
        refusal = answer.find(v2.Notify, NotifyType.INVALID_MAJOR_VERSION)
        yield that(refusal, "INVALID_MAJOR_VERSION", requirement=wanted).is_present()


def _version_3(message: Message) -> Message:
    return replace(message, version=0x30)


class CriticalFlagIsClear(Case):
    """No payload of a response has the critical flag."""

    requirements = ("RFC7296-2.5-15",)
    deviants = ("sets-the-critical-flag",)
    also = {"spec": ("J06",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        for mark in ("init", "auth"):
            answer = trace.outcome_of(mark)
            yield given(answer, f"the answer to {mark}").is_present()
            flagged = answer.payloads.then(lambda payloads: [p.type for p in payloads if p.critical] or None)
            yield that(flagged, "a payload with the critical flag").is_absent()
