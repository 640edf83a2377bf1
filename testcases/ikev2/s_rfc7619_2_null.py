"""RFC 7619: NULL authentication, where it is not wanted and where it is."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Note,
    Script,
    Trace,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import AuthMethod, IdType, NotifyType
from harness.wire import v2

NEEDS = frozenset({"null-auth"})


def _anonymous(configuration: Configuration) -> Configuration:
    return replace(configuration, local_auth="null", remote_auth="null")


class NullIsRefused(Case):
    """An initiator that must prove itself and comes with NULL, under the right identity, gets AUTHENTICATION_FAILED."""

    requirements = ("RFC7619-2-01",)
    deviants = ("accepts-null", "believes-any-auth")

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        who = alice.configuration.local_id
        yield alice.ike_auth(proof="null", identity=who, mark="probe", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.Authentication), "an AUTH of the responder").is_absent()
        yield that(
            answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED), "AUTHENTICATION_FAILED"
        ).is_present()


class NobodyMeetsNobody(Case):
    """Under NULL the responder is nobody, and its AUTH is made with SK_pr."""

    requirements = ("RFC7619-2.1-01", "RFC7619-2.1-02", "RFC7619-2.2-01")
    needs = NEEDS
    deviants = ("proves-itself-wrongly",)
    settings = staticmethod(_anonymous)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("auth")
        auth, who = answer.find(v2.Authentication), answer.find(v2.IdResponder)
        yield given(auth, "the responder's AUTH").is_present()
        yield given(auth.method, "its method").equals(AuthMethod.NULL)
        nobody = who.then(lambda payload: payload.id_type != IdType.ID_NULL or not payload.data)
        yield that(nobody, "an ID_NULL without data, or a name", requirement="RFC7619-2.2-01").equals(True)
        believed = trace.observations("the target is believed")
        yield given(believed, "a look at its AUTH").is_present()
        yield that(believed[0].outcome, "what the initiator made of it").equals(True)


class InitialContactOfNobody(Case):
    """INITIAL_CONTACT of one peer that proved nothing takes the IKE SA of another one of the same name away from nobody."""

    requirements = ("RFC7619-2.3-01",)
    needs = NEEDS
    deviants = ("heeds-initial-contact-of-nobody",)
    settings = staticmethod(_anonymous)

    def script(self, alice: Initiator, bob: Initiator) -> Script:
        who = alice.configuration.local_id
        yield from alice.connect(identity=who, mark="first")
        yield from bob.connect(identity=who, initial_contact=True, mark="second")
        yield alice.liveness(mark="probe")

    def judge(self, trace: Trace) -> Findings:
        for mark in ("first", "second"):
            yield given(trace.reply_to(mark).find(v2.Authentication), f"the {mark} IKE SA").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        alive = protected(trace.replies_to("probe"))
        yield that(alive, "a sign of life on the IKE SA of the first").is_present()
