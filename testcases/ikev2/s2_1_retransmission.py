"""RFC 7296 section 2.1: who retransmits what, and what a repeated request may do."""

from harness.case import Case, Configuration, Elapse, Findings, Initiator, Script, Trace, given, that
from harness.codes import Exchange
from harness.peer.mischief import flip_last
from harness.wire import v2

FORGOTTEN_AFTER_S = 4.0


def _soon_forgotten(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(half_open=FORGOTTEN_AFTER_S)


class RepeatedInitialRequest(Case):
    """A repeated IKE_SA_INIT request gets the same response again, octet for octet."""

    requirements = ("RFC7296-2.1-09", "RFC7296-2.1-08")
    deviants = ("fresh-response-to-a-repeat",)
    also = {"spec": ("C03",), "ipv6ready": ("EN.R.1.1.2.1",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.again("init", mark="repeat")

    def judge(self, trace: Trace) -> Findings:
        first, second = trace.reply_to("init"), trace.reply_to("repeat")
        yield given(first.find(v2.KeyExchange), "a full response to the first request").is_present()
        answers = trace.replies_to("repeat")
        yield that(answers, "the response to the repeated request").is_present()
        yield that(second.spi_r, "the responder's SPI").equals(first.spi_r.value)
        same = answers.then(lambda seen: len({s.octets for s in seen}) == 1)
        yield that(same, "all responses, octet for octet the same").equals(True)


class RepeatedRequest(Case):
    """A request repeated five times gets the same response each time, octet for octet."""

    requirements = ("RFC7296-2.1-08", "RFC7296-2.1-02")
    deviants = ("reseals-a-repeated-response", "does-a-repeated-request-again")
    also = {"spec": ("H01",), "ipv6ready": ("EN.R.1.1.2.2",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.liveness(mark="request")
        for number in range(5):
            yield alice.again("request", mark=f"repeat {number}")

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("request")
        yield given(first, "the first response").is_present()
        for number in range(5):
            answers = trace.replies_to(f"repeat {number}")
            yield that(answers, f"the response to repetition {number + 1}").is_present()
        again = trace.replies_to("repeat 4").then(
            lambda seen: all(s.octets == first.value.octets for s in seen)
        )
        yield that(again, "the last response, the same as the first").equals(True)


class ResponsesAreNotRetransmitted(Case):
    """A responder never sends a response a second time by itself."""

    requirements = ("RFC7296-2.1-01",)
    deviants = ("retransmits-its-responses", "answers-twice")
    subject = "INV-07"
    also = {"spec": ("F10",), "ipv6ready": ("EN.R.1.1.2.1",)}
    settings = staticmethod(_soon_forgotten)
    wait_s = FORGOTTEN_AFTER_S + 2.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield Elapse(self.wait_s)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("init").find(v2.KeyExchange), "a response to IKE_SA_INIT").is_present()
        count = trace.from_target(Exchange.IKE_SA_INIT).then(
            lambda seen: sum(s.spi_i == trace.marked("init").value.spi_i for s in seen)
        )
        asked = len(trace.all_marked("init"))
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
        yield from alice.create_child(mark="first")
        used = alice.ike.next_message_id - 1
        yield from alice.create_child(message_id=used, mark="probe", hostile=True)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("first")
        yield given(first, "the answer to the first request").is_present()
        again = trace.replies_to("probe").then(
            lambda seen: [s for s in seen if s.octets != first.value.octets] or None
        )
        yield that(again, "a new answer under a Message ID already used").is_absent()
        yield that(trace.reply_to("alive"), "the IKE SA, asked for a sign of life").is_present()


class ForgedRequest(Case):
    """A request that fails its integrity check gets no answer and uses no Message ID up."""

    requirements = ("RFC7296-2.21.3-01",)
    deviants = ("answers-what-does-not-open",)
    also = {"spec": ("J10",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        due = alice.ike.next_message_id
        yield alice.liveness(bend=flip_last, mark="forged")
        yield alice.liveness(message_id=due, due=True, mark="honest")

    def judge(self, trace: Trace) -> Findings:
        honest = trace.reply_to("honest")
        yield that(honest, "the answer to the honest request with that Message ID").is_present()
        forged, answers = trace.marked("forged"), trace.replies_to("honest")
        yield given(forged, "the forged request").is_present()
        first = answers.then(lambda seen: seen[0].number > trace.marked("honest").value.number)
        yield that(first, "no answer before the honest request").equals(True)


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
        yield given(trace.reply_to("init").find(v2.KeyExchange), "a response to IKE_SA_INIT").is_present()
        served = trace.reply_to("late").find(v2.Authentication)
        yield that(served, "an IKE_AUTH served after the half-open lifetime").is_absent()
