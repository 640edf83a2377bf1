"""RFC 7296 section 2.11: address and port agility."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, that


class AnswersComeFromWhereTheRequestWent(Case):
    """Every response comes from the address and port that its request was sent to."""

    requirements = ("RFC7296-2.11-03", "CISCO-RO-17")
    deviants = ("answers-from-another-port",)
    subject = "INV-09"
    also = {"spec": ("D01", "D02")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.from_target(), "any message of the target").is_present()


class AnswersGoWhereTheRequestCameFrom(Case):
    """A request from a port other than 500 and 4500 is accepted, and answered to that port."""

    requirements = ("RFC7296-2.11-01", "RFC7296-2.11-02")
    deviants = ("answers-to-the-well-known-port",)
    also = {"spec": ("G01",)}
    ports = (12312, 12313)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        init = trace.marked("init")
        yield given(init, "a request from another port").is_present()
        answered = trace.from_target().then(
            lambda seen: [s for s in seen if s.spi_i == init.spi_i.value] or None, "nothing answers it"
        )
        yield that(answered, "an answer of the target").is_present()
        there = answered.then(lambda seen: all(s.destination == init.source.value for s in seen))
        yield that(
            there,
            "the address and port of the request for that of the answers",
            requirement="RFC7296-2.11-02",
        ).equals(True)
