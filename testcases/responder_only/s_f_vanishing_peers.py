"""Group F: peers that delete, vanish or lose their SAs: what ended is not begun again by the device."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Provoke,
    Script,
    Trace,
    Trigger,
    given,
    protected,
    that,
)
from harness.codes import Exchange
from harness.profile import Dpd
from harness.wire import v2

WATCHED_S = 6.0
DPD = Dpd(interval=2.0, retry=1.0, retries=3)
GIVEN_UP_AFTER_S = 40.0


def _probing(configuration: Configuration) -> Configuration:
    return replace(configuration, dpd=DPD)


class _Ended(Case):
    """A tunnel that the peer made and that ends one way or another."""

    subject = "INV-01"

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("made").find(v2.SecurityAssociation)
        yield given(made, "the Child SA that the peer made").is_present()


class PeerDeletesTheChild(_Ended):
    """A Child SA that the peer deleted is not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-40")
    deviants = ("revives-after-child-delete",)
    subject = "INV-02"
    wait_s = WATCHED_S
    also = {"spec": ("F05",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.delete_child(mark="delete")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()


class PeerDeletesTheIkeSa(_Ended):
    """An IKE SA that the peer deleted is not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("revives-after-ike-delete",)
    wait_s = WATCHED_S
    also = {"spec": ("F06",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.delete_ike(mark="delete")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()


class PeerIsLost(_Ended):
    """After the peer was found dead its SAs are not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("starts-on-dpd-loss",)
    needs = frozenset({"dpd_loss"})
    wait_s = WATCHED_S
    also = {"spec": ("F01",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Provoke(Trigger.DPD_LOSS)
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.observations("provoke"), "the loss of the peer").is_present()


class PeerStopsAnswering(_Ended):
    """A peer that answers no liveness check is given up; no other IKE SA is started for it."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("restarts-lost-peers",)
    settings = staticmethod(_probing)
    wait_s = GIVEN_UP_AFTER_S
    also = {"spec": ("F01",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.ignores("liveness", "informational", "delete")
        yield Elapse(GIVEN_UP_AFTER_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        checks = trace.from_target(Exchange.INFORMATIONAL, requests_only=True)
        yield given(checks, "a liveness check by the target").is_present()


class PeerVanishesHalfWay(Case):
    """A peer that vanishes after IKE_SA_INIT is forgotten; nothing is started towards it."""

    requirements = ("CISCO-RO-39",)
    deviants = ("reauthenticates-idle-peers",)
    subject = "INV-01"
    wait_s = WATCHED_S
    also = {"spec": ("F10", "C20")}

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        """Half-open SAs are forgotten soon."""
        return configuration.with_lifetimes(half_open=4.0)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "a response to IKE_SA_INIT").is_present()


class PacketsOfAnEndedSa(Case):
    """Packets that come on, with their IKE SA deleted, are discarded, and the target starts no IKE SA to ask about them."""

    requirements = ("CISCO-RO-39", "RFC4303-3.4.2-01")
    deviants = ("recovers-from-unknown-spis",)
    subject = "INV-01"
    needs = frozenset({"data", "esp"})
    also = {"spec": ("F03", "F18")}
    wait_s = 5.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        child = alice.ike.child
        yield alice.delete_ike(mark="delete")
        for _ in range(3):
            yield alice.ping(child, mark="unknown", retransmit=(), wait=1.0)
        yield Elapse(self.wait_s - 3.0)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v2.SecurityAssociation), "a Child SA").is_present()
        yield given(trace.reply_to("delete"), "the IKE SA's end").is_present()
        yield given(trace.marked("unknown"), "a packet of an ended SA").is_present()
        answers = trace.packets_after("unknown")
        yield that(answers, "a packet in answer", requirement="RFC4303-3.4.2-01").is_absent()
