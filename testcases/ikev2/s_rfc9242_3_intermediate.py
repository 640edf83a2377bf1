"""RFC 9242: IKE_INTERMEDIATE exchanges between IKE_SA_INIT and IKE_AUTH, with nothing in them that matters."""

from harness.case import Case, Findings, Initiator, Note, Script, Trace, given, protected, that
from harness.codes import Exchange, NotifyType
from harness.sa.intermediate import NO_INT_AUTH
from harness.wire import v2

SUPPORTED = NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED
MANY = 200
"""More exchanges than any use of them could want."""


class _Intermediate(Case):
    """Both ends agree to IKE_INTERMEDIATE."""

    needs = frozenset({"intermediate"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(intermediate=True, mark="init")
        yield from self.follows(alice)

    def follows(self, alice: Initiator) -> Script:
        """What comes after IKE_SA_INIT."""
        yield alice.ike_auth(mark="auth")

    def agreed(self, trace: Trace) -> Findings:
        """The premise: both ends said so."""
        told = trace.outcome_of("init").find(v2.Notify, SUPPORTED)
        yield given(told, "INTERMEDIATE_EXCHANGE_SUPPORTED of both ends").is_present()


class SupportIsReturned(_Intermediate):
    """INTERMEDIATE_EXCHANGE_SUPPORTED is returned without data, whatever data it came with."""

    requirements = ("RFC9242-3.1-02", "RFC9242-3.1-03", "RFC9242-3.1-04")
    deviants = ("never-tells-of-ike-intermediate",)

    def script(self, alice: Initiator) -> Script:
        told = v2.Notify(notify_type=SUPPORTED, data=b"what")
        yield from alice.ike_sa_init(told, mark="init")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("init")
        yield given(answer.find(v2.KeyExchange), "a full response").is_present()
        told = answer.find(v2.Notify, SUPPORTED)
        yield that(told, "the notify in the response").is_present()
        for value, what in ((told.protocol, "Protocol ID"), (told.spi, "SPI"), (told.data, "data")):
            yield that(value.then(bool), f"its {what}", requirement="RFC9242-3.1-03").equals(False)


class SupportIsToldToNobodyElse(Case):
    """A response to an initiator that did not say so has no INTERMEDIATE_EXCHANGE_SUPPORTED."""

    requirements = ("RFC9242-3.1-02",)
    deviants = ("tells-of-ike-intermediate-unasked",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("init")
        yield given(answer.find(v2.KeyExchange), "a full response").is_present()
        yield that(answer.find(v2.Notify, SUPPORTED), "the notify in the response").is_absent()


class TheExchangeMayBeLeftOut(_Intermediate):
    """After both ends agreed to it IKE_AUTH may come at once, with Message ID 1."""

    requirements = ("RFC9242-3.2-01",)
    deviants = ("proves-itself-wrongly",)

    def follows(self, alice: Initiator) -> Script:
        yield alice.ike_auth(mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield that(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()
        yield from _believed(trace, None)


class ExchangesAreAuthenticated(_Intermediate):
    """AUTH of both ends covers each IKE_INTERMEDIATE exchange: one that is empty, and two that are not."""

    requirements = (
        "RFC9242-3.3.2-01",
        "RFC9242-3.3.2-03",
        "RFC9242-3.3.2-04",
        "RFC9242-3.2-06",
        "RFC9242-3.2-08",
    )
    deviants = ("leaves-ike-intermediate-out-of-auth", "covers-requests-of-ike-intermediate-alone")

    def follows(self, alice: Initiator) -> Script:
        yield alice.intermediate(mark="first")
        yield alice.intermediate(v2.VendorId(b"second"), mark="second")
        yield alice.intermediate(v2.VendorId(b"the third"), padding=bytes(13), mark="third")
        yield alice.ike_auth(mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        for mark in ("first", "second", "third"):
            yield that(protected(trace.replies_to(mark)), f"the answer to the {mark} exchange").is_present()
        yield that(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()
        yield from _believed(trace, "RFC9242-3.3.2-01")


class AuthThatCoversNothingIsRefused(_Intermediate):
    """An AUTH that leaves the IKE_INTERMEDIATE exchange out establishes nothing."""

    requirements = ("RFC9242-3.3.2-01",)
    deviants = ("leaves-ike-intermediate-out-of-auth",)

    def follows(self, alice: Initiator) -> Script:
        yield alice.intermediate(v2.VendorId(b"nothing"), mark="exchange")
        alice.ike.int_auth = NO_INT_AUTH
        yield alice.ike_auth(mark="auth", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield given(protected(trace.replies_to("exchange")), "the answer to the exchange").is_present()
        yield that(trace.reply_to("auth").find(v2.Authentication), "an AUTH of the responder").is_absent()


class NothingElseIsServedBeforeIkeAuth(_Intermediate):
    """IKE_INTERMEDIATE establishes nothing: INFORMATIONAL and CREATE_CHILD_SA are not served after it."""

    requirements = ("RFC9242-3.2-05",)
    deviants = ("serves-before-authentication",)

    def follows(self, alice: Initiator) -> Script:
        yield alice.intermediate(mark="exchange")
        yield alice.informational(mark="early", due=False)
        yield from alice.create_child(mark="child", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield given(protected(trace.replies_to("exchange")), "the answer to the exchange").is_present()
        life = protected(trace.replies_to("early")).then(lambda seen: seen if not seen.payloads else None)
        yield that(life, "a plain answer to INFORMATIONAL").is_absent()
        yield that(trace.reply_to("child").find(v2.SecurityAssociation), "a Child SA").is_absent()


class ItIsOverAfterIkeAuth(_Intermediate):
    """An IKE_INTERMEDIATE request on an established IKE SA is not served."""

    requirements = ("RFC9242-3.2-04",)
    deviants = ("takes-ike-intermediate-after-ike-auth",)

    def follows(self, alice: Initiator) -> Script:
        yield alice.ike_auth(mark="auth")
        yield alice.request(Exchange.IKE_INTERMEDIATE, mark="late", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield given(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()
        served = protected(trace.replies_to("late")).then(
            lambda seen: None if any(isinstance(each, v2.Notify) for each in seen.payloads) else seen
        )
        yield that(served, "an answer that is no refusal").is_absent()


class TheirNumberIsBounded(_Intermediate):
    """A responder does not go on with IKE_INTERMEDIATE exchanges that serve nothing, however many there come."""

    requirements = ("RFC9242-5-01",)
    deviants = ("takes-ike-intermediate-without-end",)

    def follows(self, alice: Initiator) -> Script:
        served = 0
        while served < MANY:
            mark = "first" if not served else None
            answer = yield alice.intermediate(mark=mark, due=False, retransmit=(), wait=0.5)
            if answer is None or answer.payloads:
                break
            served += 1
        yield Note("exchanges that were served", served)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield given(protected(trace.replies_to("first")), "the answer to the first exchange").is_present()
        counted = trace.observations("exchanges that were served")
        yield given(counted, "a count of them").is_present()
        yield that(counted[0].outcome, "the exchanges that were served").satisfies(
            lambda served: served < MANY, f"are fewer than {MANY}"
        )


def _believed(trace: Trace, requirement: str | None) -> Findings:
    """Whether the initiator could make something of the target's AUTH."""
    believed = trace.observations("the target is believed")
    yield given(believed, "a look at its AUTH").is_present()
    made_of_it = that(believed[0].outcome, "what the initiator made of it", requirement=requirement)
    yield made_of_it.equals(True)
