"""RFC 2408 section 5.15: what the peer has deleted is not used any more."""

from harness.case import Case, Configuration, Elapse, Findings, Initiator, Script, Trace, given, that
from harness.codes import Exchange
from harness.wire import v1

SILENCE_S = 2.0
"""How long an answer is waited for that must not come."""
HARD_S = 6.0
WATCHED_S = 7.0


def _short(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(child_hard=HARD_S)


class DeletedIsakmpSaIsGone(Case):
    """Under an ISAKMP SA that the peer deleted no Quick Mode is served any more."""

    requirements = ("RFC2408-5.15-03", "RFC2408-5.15-04")
    deviants = ("v1-outlives-its-deletion",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("F06",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield from alice.surely(alice.delete_v1(mark="delete"))
        yield from alice.quick_mode(mark="probe", hostile=True, due=False, wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        yield given(trace.marked("delete"), "its Delete").is_present()
        yield given(trace.marked("probe"), "a Quick Mode under it").is_present()
        served = trace.replies_to("probe").then(
            lambda seen: [s for s in seen if s.exchange == Exchange.QUICK_MODE] or None
        )
        yield that(served, "a second message of that Quick Mode").is_absent()


class DeletedIpsecSaIsGone(Case):
    """An IPsec SA that the peer deleted is cleaned up: the responder does not delete it once more at its hard limit."""

    requirements = ("RFC2408-5.15-02", "RFC2408-5.15-18")
    deviants = ("v1-outlives-its-deletion",)
    needs = frozenset({"v1-main"})
    settings = staticmethod(_short)
    wait_s = WATCHED_S
    also = {"spec": ("F05",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.quick_mode_1(mark="made")
        yield from alice.surely(alice.quick_mode_3(mark="third"))
        child = alice.isakmp.child
        if child is not None:
            yield from alice.surely(alice.delete_v1(child, mark="delete"))
            yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        spi = trace.reply_to("made").find(v1.SecurityAssociation).proposals[0].spi
        yield given(spi, "the SPI that the responder chose").is_present()
        yield given(trace.marked("third"), "the third message of Quick Mode").is_present()
        yield given(trace.marked("delete"), "the Delete of the IPsec SA").is_present()
        again = trace.sent_after("delete").then(
            lambda seen: (
                [d for s in seen for d in s.payloads if isinstance(d, v1.Delete) and spi.value in d.spis]
                or None
            )
        )
        yield that(again, "a Delete of what was deleted already").is_absent()
