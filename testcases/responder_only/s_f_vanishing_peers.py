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
    Silence,
    Trace,
    Trigger,
    Watch,
    given,
    protected,
    that,
)
from harness.codes import Exchange
from harness.peer import Ask
from harness.profile import Dpd
from harness.wire import v1, v2

DPD = Dpd(interval=2.0, retry=1.0, retries=3)
GIVEN_UP_AFTER_S = 40.0


def _probing(configuration: Configuration) -> Configuration:
    return replace(configuration, dpd=DPD)


class _Ended(Case):
    """A tunnel that the peer made and that ends one way or another."""

    subject = "INV-01"
    silence = Silence.RECOVERY

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("made").find(v2.SecurityAssociation)
        yield given(made, "the Child SA that the peer made").is_present()


class PeerDeletesTheChild(_Ended):
    """A Child SA that the peer deleted is not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-40")
    deviants = ("revives-after-child-delete",)
    subject = "INV-02"
    also = {"spec": ("F05",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.delete_child(mark="delete")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()


class PeerDeletesTheIkeSa(_Ended):
    """An IKE SA that the peer deleted is not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("revives-after-ike-delete",)
    also = {"spec": ("F06",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.delete_ike(mark="delete")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(protected(trace.replies_to("delete")), "the answer to the Delete").is_present()


class PeerIsLost(_Ended):
    """After the peer was found dead its SAs are not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("starts-on-dpd-loss",)
    needs = frozenset({"dpd_loss"})
    also = {"spec": ("F01",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Provoke(Trigger.DPD_LOSS)
        yield Watch()

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
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        checks = trace.from_target(Exchange.INFORMATIONAL, requests_only=True)
        yield given(checks, "a liveness check by the target").is_present()


def _probing_v1(configuration: Configuration) -> Configuration:
    return replace(_probing(configuration), initiate_version=1)


class PeerStopsAnsweringInMainMode(Case):
    """A peer of version 1 that answers no R-U-THERE is given up; no other phase 1 is started for it."""

    requirements = ("CISCO-RO-44", "CISCO-RO-01")
    deviants = ("v1-restarts-lost-peers",)
    subject = "INV-04"
    needs = frozenset({"v1-main"})
    settings = staticmethod(_probing_v1)
    silence = Silence.RECOVERY
    wait_s = GIVEN_UP_AFTER_S
    also = {"spec": ("F01",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(mark="made")
        yield alice.ignores(*Ask)
        yield Elapse(GIVEN_UP_AFTER_S)
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("made").find(v1.SecurityAssociation)
        yield given(made, "the IPsec SA that the peer made").is_present()
        yield given(
            trace.from_target(Exchange.INFORMATIONAL_V1), "a liveness check by the target"
        ).is_present()


class PeerVanishesHalfWay(Case):
    """A peer that vanishes after IKE_SA_INIT is forgotten; nothing is started towards it."""

    requirements = ("CISCO-RO-39",)
    deviants = ("reauthenticates-idle-peers",)
    subject = "INV-01"
    silence = Silence.RECOVERY
    also = {"spec": ("F10", "C20")}

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        """Half-open SAs are forgotten soon."""
        return configuration.with_lifetimes(half_open=4.0)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "a response to IKE_SA_INIT").is_present()


class PacketsOfAnEndedSa(Case):
    """Packets that come on, with their IKE SA deleted, are discarded, and the target starts no IKE SA to ask about them."""

    requirements = ("CISCO-RO-39", "RFC4303-3.4.2-01")
    deviants = ("recovers-from-unknown-spis",)
    subject = "INV-01"
    needs = frozenset({"data", "esp"})
    also = {"spec": ("F03", "F18")}
    silence = Silence.RECOVERY
    wait_s = 3.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        child = alice.ike.child
        yield alice.delete_ike(mark="delete")
        for _ in range(3):
            yield alice.ping(child, mark="unknown", retransmit=(), wait=1.0)
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v2.SecurityAssociation), "a Child SA").is_present()
        yield given(trace.reply_to("delete"), "the IKE SA's end").is_present()
        yield given(trace.marked("unknown"), "a packet of an ended SA").is_present()
        answers = trace.packets_after("unknown")
        yield that(answers, "a packet in answer", requirement="RFC4303-3.4.2-01").is_absent()
