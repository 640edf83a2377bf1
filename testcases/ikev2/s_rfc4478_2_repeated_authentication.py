"""RFC 4478: an authentication that is good for a limited time."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Script,
    Trace,
    Weight,
    ended_by_target,
    given,
    that,
)
from harness.codes import NotifyType
from harness.wire import v2
from harness.wire.v2.notify_data import AuthLifetime, read

LIMIT_S = 30.0
SOON_S = 15.0
"""How soon after its end an authentication has to be done with."""
EARLY_S = 10.0
"""How long before its end the IKE SA is rekeyed."""


def _limited(configuration: Configuration) -> Configuration:
    return replace(configuration, auth_lifetime=LIMIT_S)


class _Limited(Case):
    """An authentication that is good for half a minute."""

    needs = frozenset({"auth-lifetime"})
    settings = staticmethod(_limited)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()


class LimitIsTold(_Limited):
    """The time that an authentication is good for is told in IKE_AUTH or an INFORMATIONAL, protected and in seconds."""

    requirements = ("RFC4478-2-02", "RFC4478-2-07", "RFC4478-3-01", "RFC4478-3-02")
    deviants = ("keeps-the-limit-to-itself", "tells-the-limit-in-milliseconds")
    also = {"spec": ("B11",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Elapse(1.0)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        told = trace.from_target().among(v2.Notify, NotifyType.AUTH_LIFETIME)
        yield that(told, "AUTH_LIFETIME").is_present()
        seconds = told.data.then(lambda data: (found := read(AuthLifetime, data)) and found.seconds)
        in_time = seconds.then(lambda found: 0 < found <= LIMIT_S)
        yield that(in_time, "seconds up to the limit in it", requirement="RFC4478-3-01").equals(True)
        yield that(told.protocol, "its Protocol ID", requirement="RFC4478-3-02").equals(0)
        in_clear = trace.from_target().then(
            lambda seen: [s for s in seen if not s.sealed and _tells(s.payloads)] or None, "none is in clear"
        )
        yield that(in_clear, "AUTH_LIFETIME in clear", requirement="RFC4478-2-07").is_absent()


def _tells(payloads: tuple[object, ...]) -> bool:
    return any(getattr(each, "notify_type", None) == NotifyType.AUTH_LIFETIME for each in payloads)


class EndsWithItsAuthentication(_Limited):
    """An IKE SA whose peer does not authenticate again is deleted soon after the time is over, and not made anew."""

    requirements = ("RFC4478-2-03", "RFC4478-1-02")
    deviants = ("outlives-its-authentication",)
    also = {"spec": ("B11",)}
    wait_s = LIMIT_S + SOON_S

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Elapse(LIMIT_S + SOON_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield that(ended_by_target(trace), "a Delete of the IKE SA", weight=Weight.SHOULD).is_present()


class LimitOutlivesARekey(_Limited):
    """A rekey of the IKE SA does not prolong an authentication: the new IKE SA ends when the old one would have."""

    requirements = ("RFC4478-2-04", "RFC4478-1-03")
    deviants = ("prolongs-an-authentication-by-a-rekey",)
    also = {"spec": ("B12",)}
    wait_s = LIMIT_S + SOON_S

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Elapse(LIMIT_S - EARLY_S)
        yield from alice.rekey_ike(mark="rekey")
        yield Elapse(EARLY_S + SOON_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        made = trace.outcome_of("rekey").find(v2.SecurityAssociation)
        yield given(made, "a rekey of the IKE SA before the time was over").is_present()
        yield that(ended_by_target(trace), "a Delete of the new IKE SA").is_present()
