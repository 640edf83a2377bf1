"""Group C: a peer's negotiation and a reason to start one at the same moment: only the peer's takes place."""

from harness.case import Case, Findings, Initiator, Provoke, Script, Silence, Trace, Trigger, Watch, given
from harness.wire import v2


class TrafficDuringThePeersInitiation(Case):
    """Traffic that appears while the peer's IKE_SA_INIT is under way starts nothing of the device's own."""

    requirements = ("CISCO-RO-16", "CISCO-RO-39")
    deviants = ("crosses-the-peers-initiation", "starts-on-matching-traffic")
    subject = "INV-01"
    needs = frozenset({"matching_traffic"})
    silence = Silence.TRAFFIC
    also = {"spec": ("C01",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield alice.ike_auth(mark="auth")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the peer's IKE SA").is_present()


class DuplicateIkeSa(Case):
    """A second IKE SA of the same peer makes the device start nothing to put it right."""

    requirements = ("CISCO-RO-16", "CISCO-RO-39")
    deviants = ("merges-duplicates-by-a-third",)
    subject = "INV-01"
    silence = Silence.START
    also = {"spec": ("C06", "A09")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="first")
        yield from alice.connect(mark="second")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        for mark in ("first", "second"):
            yield given(trace.reply_to(mark).find(v2.Authentication), f"the {mark} IKE SA").is_present()


class IdleTunnel(Case):
    """A tunnel that the peer made and leaves idle makes the device start nothing."""

    requirements = ("CISCO-RO-40", "CISCO-RO-41")
    deviants = ("starts-a-child-unasked",)
    subject = "INV-02"
    silence = Silence.START
    also = {"spec": ("A18",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the peer's IKE SA").is_present()
