"""RFC 7296 section 2.1: who retransmits what, and what a repeated request may do."""

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Script,
    Trace,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import Exchange
from harness.peer.mischief import flip_last
from harness.wire import v2

FORGOTTEN_AFTER_S = 4.0
REPETITIONS = 5


def _soon_forgotten(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(half_open=FORGOTTEN_AFTER_S)


class RepeatedInitialRequest(Case):
    """A repeated IKE_SA_INIT request gets the same response again, octet for octet."""

    requirements = ("RFC7296-2.1-09", "RFC7296-2.1-02")
    deviants = ("fresh-response-to-a-repeat",)
    also = {"spec": ("C03",), "ipv6ready": ("EN.R.1.1.2.1", "SGW.R.1.1.2.1")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        if alice.ike.keys is not None:
            yield alice.raw(alice.ike.request, mark="repeat", due=True)

    def judge(self, trace: Trace) -> Findings:
        first = trace.outcome_of("init")
        yield given(first.find(v2.KeyExchange), "a full response to the first request").is_present()
        answers = trace.replies_to("repeat")
        yield that(answers, "the response to the repeated request").is_present()
        yield that(answers.then(lambda seen: seen[0].spi_r), "the responder's SPI").equals(first.spi_r.value)
        same = answers.then(lambda seen: all(s.octets == first.octets.value for s in seen))
        yield that(same, "all responses, octet for octet the same").equals(True)


class RepeatedRequest(Case):
    """A request repeated five times gets the same response each time, octet for octet."""

    requirements = ("RFC7296-2.1-02", "RFC7296-2.1-08")
    deviants = ("reseals-a-repeated-response", "does-a-repeated-request-again")
    also = {"spec": ("H01",), "ipv6ready": ("EN.R.1.3.2.1", "SGW.R.1.3.2.1")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.liveness(mark="request")
        for number in range(REPETITIONS):
            yield alice.again("request", mark=f"repeat {number}")

    def judge(self, trace: Trace) -> Findings:
        first = protected(trace.replies_to("request"))
        yield given(first, "the first response").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        arrived = [n for n in range(REPETITIONS) if trace.marked(f"repeat {n}").present]
        yield given(arrived or None, "a repetition").is_present()
        for number in arrived:
            answers = trace.replies_to(f"repeat {number}")
            yield that(answers, f"the response to repetition {number + 1}").is_present()
            same = answers.then(lambda seen: all(s.octets == first.octets.value for s in seen))
            yield that(same, "that response, the same as the first").equals(True)


class ResponsesAreNotRetransmitted(Case):
    """A responder never sends a response a second time by itself."""

    requirements = ("RFC7296-2.1-01",)
    deviants = ("retransmits-its-responses", "answers-twice")
    subject = "INV-07"
    also = {"spec": ("F10",), "ipv6ready": ("EN.R.1.1.2.1", "SGW.R.1.1.2.1")}
    settings = staticmethod(_soon_forgotten)
    wait_s = FORGOTTEN_AFTER_S + 2.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield Elapse(self.wait_s)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "a response to IKE_SA_INIT").is_present()
        spi = trace.marked("init").spi_i.value
        both = [s for s in trace.ike if s.spi_i == spi and s.exchange == Exchange.IKE_SA_INIT]
        asked = sum(not s.from_target for s in both)
        count = trace.from_target(Exchange.IKE_SA_INIT).then(lambda seen: sum(s.spi_i == spi for s in seen))
        yield that(count, "the number of responses").satisfies(
            lambda n: n <= asked, f"is at most {asked}, as often as was asked"
        )


class ChangedRepeat(Case):
    """A request with a Message ID already answered, but other octets, is not served."""

    requirements = ("RFC7296-2.1-02",)
    deviants = ("does-a-repeated-request-again",)
    also = {"spec": ("H02",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        used = alice.ike.next_message_id
        if (yield alice.liveness(mark="first")) is None:
            return
        yield alice.delete_child(message_id=used, mark="probe", hostile=True)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        first = protected(trace.replies_to("first"))
        yield given(first, "the answer to the first request").is_present()
        again = trace.replies_to("probe").then(
            lambda seen: [s for s in seen if s.opened and s.octets != first.octets.value] or None
        )
        yield that(again, "a new answer under a Message ID already used").is_absent()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(life, "the IKE SA's answer to a liveness check").is_present()


class ForgedRequest(Case):
    """A request that fails its integrity check gets no protected answer and uses no Message ID up."""

    requirements = ("RFC7296-1.2-02", "RFC7296-3.10.1-07")
    deviants = ("answers-what-does-not-open",)
    also = {"spec": ("J10",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        due = alice.ike.next_message_id
        yield alice.liveness(bend=flip_last, mark="forged")
        yield alice.liveness(message_id=due, due=True, mark="honest")

    def judge(self, trace: Trace) -> Findings:
        forged, honest = trace.marked("forged"), trace.marked("honest")
        yield given(forged, "the forged request").is_present()
        yield given(honest, "the honest request").is_present()
        early = trace.replies_to("forged").then(
            lambda seen: [s for s in seen if s.opened and s.number < honest.number.value] or None
        )
        yield that(early, "a protected answer to the forged request").is_absent()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        answer = protected(trace.replies_to("honest"))
        yield that(answer, "the answer to the honest request with that Message ID").is_present()


class HalfOpenIsForgotten(Case):
    """An SA whose peer never comes back with IKE_AUTH is forgotten, and its SPI serves no more."""

    requirements = ("RFC7296-2.6-06",)
    deviants = ("lets-half-open-sas-live",)
    also = {"spec": ("F10", "I11")}
    settings = staticmethod(_soon_forgotten)
    wait_s = FORGOTTEN_AFTER_S + 2.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield Elapse(self.wait_s)
        yield alice.ike_auth(mark="late", hostile=True, due=False)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "a response to IKE_SA_INIT").is_present()
        served = trace.reply_to("late").find(v2.Authentication)
        yield that(served, "an IKE_AUTH served after the half-open lifetime").is_absent()
