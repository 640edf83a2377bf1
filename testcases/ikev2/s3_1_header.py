"""RFC 7296 section 3.1: the IKE header of responses."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, that
from harness.codes import Exchange


class InitiatorFlagIsClear(Case):
    """The original responder clears the I flag in all that it sends."""

    requirements = ("RFC7296-3.1-24",)
    deviants = ("sets-the-initiator-flag",)
    subject = "INV-03"

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.from_target(), "any message of the target").is_present()


class MessageIdIsThatOfTheRequest(Case):
    """Every response has the Message ID of a request that the peer made."""

    requirements = ("RFC7296-2.2-05", "RFC7296-3.1-19")
    deviants = ("echoes-another-message-id",)
    subject = "INV-07"

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        spi = trace.marked("init").spi_i
        yield given(spi, "a request of the peer").is_present()
        answers = trace.from_target(Exchange.IKE_SA_INIT).then(
            lambda seen: [s for s in seen if s.spi_i == spi.value] or None, "nothing answers it"
        )
        yield given(answers, "an answer of the target").is_present()
        flagged = answers.then(lambda seen: all(s.is_response for s in seen))
        yield that(flagged, "the R flag in each of them", requirement="RFC7296-3.1-19").equals(True)
