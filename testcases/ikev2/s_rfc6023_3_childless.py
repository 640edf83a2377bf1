"""RFC 6023: an IKE SA that is made without a first Child SA."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Script,
    Trace,
    Weight,
    given,
    protected,
    that,
)
from harness.codes import NotifyType, Protocol
from harness.wire import v2

STATUS_TYPES = 16_384
"""From here on notify types are no errors."""
SUPPORTED = NotifyType.CHILDLESS_IKEV2_SUPPORTED


def _childless(configuration: Configuration) -> Configuration:
    return replace(configuration, childless=True)


def _with_a_child(configuration: Configuration) -> Configuration:
    return replace(configuration, childless=False)


class _Childless(Case):
    needs = frozenset({"childless"})
    settings = staticmethod(_childless)


class ChildlessIsAnnounced(_Childless):
    """A responder that needs no first child says so in IKE_SA_INIT, about the IKE SA, though nobody asked."""

    requirements = ("RFC6023-3-01", "RFC6023-4-01", "RFC6023-4-02")
    deviants = ("hides-that-it-needs-no-child", "announces-childless-under-no-protocol")

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        init = trace.outcome_of("init")
        yield given(init.find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        told = init.find(v2.Notify, SUPPORTED)
        yield that(told, "CHILDLESS_IKEV2_SUPPORTED").is_present()
        yield that(told.protocol, "its Protocol ID", requirement="RFC6023-4-01").equals(Protocol.IKE)
        yield that(told.spi, "its SPI", requirement="RFC6023-4-02").equals(b"")


class ChildlessIkeAuth(_Childless):
    """An IKE_AUTH without SA, TSi and TSr is answered alike, and a Child SA can be made later."""

    requirements = ("RFC6023-3-04", "RFC6023-3-05")
    deviants = ("needs-a-child-after-all",)
    also = {"spec": ("A04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(child=False, mark="auth")
        yield from alice.create_child(mark="child")

    def judge(self, trace: Trace) -> Findings:
        announced = trace.outcome_of("init").find(v2.Notify, SUPPORTED)
        yield given(announced, "CHILDLESS_IKEV2_SUPPORTED").is_present()
        auth = trace.reply_to("auth")
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        for kind in (v2.SecurityAssociation, v2.TrafficSelectorsI, v2.TrafficSelectorsR):
            yield that(
                auth.find(kind), f"a {kind.__name__} in its response", requirement="RFC6023-3-05"
            ).is_absent()
        yield that(protected(trace.replies_to("child")), "an answer to CREATE_CHILD_SA").is_present()


class ChildIsNotLeftOut(_Childless):
    """A responder that needs no child leaves out none that it is asked for: it makes it, or says why not."""

    requirements = ("RFC6023-3-06",)
    deviants = ("leaves-the-first-child-out",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        announced = trace.outcome_of("init").find(v2.Notify, SUPPORTED)
        yield given(announced, "CHILDLESS_IKEV2_SUPPORTED").is_present()
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        answered = auth.then(lambda seen: any(map(_made_or_refused, seen.payloads)))
        yield that(answered, "the child, or an error that says why there is none").equals(True)


def _made_or_refused(payload: object) -> bool:
    """Whether a payload accepts a child, or is an error (RFC 7296 section 3.10.1)."""
    if isinstance(payload, v2.Notify):
        return payload.notify_type < STATUS_TYPES
    return isinstance(payload, v2.SecurityAssociation)


class _NotChildless(Case):
    needs = frozenset({"childless"})
    settings = staticmethod(_with_a_child)


class ChildlessIsNotAnnounced(_NotChildless):
    """A responder that is told to need a first child does not announce the contrary."""

    requirements = ("RFC6023-3-08", "RFC6023-3-07")
    deviants = ("announces-childless-always",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        init = trace.outcome_of("init")
        yield given(init.find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        yield that(init.find(v2.Notify, SUPPORTED), "CHILDLESS_IKEV2_SUPPORTED").is_absent()


class ChildlessIsRefused(_NotChildless):
    """Where a first child is needed, an IKE_AUTH without one gets INVALID_SYNTAX."""

    requirements = ("RFC6023-3-09",)
    deviants = ("takes-childless-always",)
    also = {"spec": ("A04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(child=False, due=False, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        init = trace.outcome_of("init")
        yield given(init.find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        yield given(init.find(v2.Notify, SUPPORTED), "CHILDLESS_IKEV2_SUPPORTED").is_absent()
        answer = trace.reply_to("auth")
        yield given(answer, "an answer to the IKE_AUTH").is_present()
        refused = answer.find(v2.Notify, NotifyType.INVALID_SYNTAX)
        yield that(refused, "INVALID_SYNTAX", weight=Weight.SHOULD).is_present()
