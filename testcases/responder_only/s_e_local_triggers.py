"""Group E: local events that make a two-way device start something, and must leave a responder-only device silent."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Device,
    Elapse,
    Findings,
    Initiator,
    Note,
    Provoke,
    Script,
    Silence,
    Steps,
    Trace,
    Trigger,
    Watch,
    given,
    that,
)
from harness.codes import Exchange, NotifyType
from harness.peer import Ask
from harness.peer.certified import certified
from harness.profile import Selector
from harness.wire import v1, v2

GIVEN_UP_S = 40.0
"""How long a target may repeat a Delete until it gives its peer up."""


def _version_1(configuration: Configuration) -> Configuration:
    return replace(configuration, initiate_version=1)


def _aggressive(configuration: Configuration) -> Configuration:
    return replace(configuration, initiate_version=1, initiate_mode="aggressive")


def _two_selectors(configuration: Configuration) -> Configuration:
    second = Selector("198.51.100.0/25", "203.0.113.128/25")
    return replace(configuration, second_selector=second)


def _two_selectors_v1(configuration: Configuration) -> Configuration:
    return _version_1(_two_selectors(configuration))


class _Silence(Case):
    """What all cases of this group have in common: an SA or none, a trigger, and a silent window."""

    trigger = Trigger.BOOT
    times = 1
    silence = Silence.START

    def connect(self, alice: Initiator) -> Steps:
        """What stands when the trigger comes; by default nothing but the peer."""
        yield Note("waits", alice.name)
        return None

    def script(self, alice: Initiator) -> Script:
        yield from self.connect(alice)
        yield Provoke(self.trigger, times=self.times)
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.observations("provoke"), f"the trigger {self.trigger}").is_present()


class _SilenceWithSa(_Silence):
    """The same with an IKE SA and a Child SA that the peer made."""

    def connect(self, alice: Initiator) -> Steps:
        return (yield from alice.connect(mark="auth"))

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("auth").find(v2.SecurityAssociation)
        yield given(made, "the Child SA that the peer made").is_present()
        yield from super().judge(trace)


class _SilenceWithIpsecSa(_Silence):
    """The same with an ISAKMP SA and an IPsec SA that the peer made."""

    def connect(self, alice: Initiator) -> Steps:
        yield from alice.main_mode()
        return (yield from alice.quick_mode(mark="quick"))

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("quick").find(v1.SecurityAssociation)
        yield given(made, "the IPsec SA that the peer made").is_present()
        yield from super().judge(trace)


class Boot(_Silence):
    """A device that boots with its peer in reach starts nothing."""

    requirements = ("CISCO-RO-39",)
    deviants = ("starts-on-boot",)
    subject = "INV-01"
    needs = frozenset({"boot"})
    also = {"spec": ("E01", "A18")}


class BootInMainMode(_Silence):
    """A device that boots with a version 1 peer in reach starts no Main Mode."""

    requirements = ("CISCO-RO-01",)
    deviants = ("starts-on-boot",)
    subject = "INV-04"
    needs = frozenset({"boot", "v1-main"})
    settings = staticmethod(_version_1)
    also = {"spec": ("E01",)}


class BootInAggressiveMode(_Silence):
    """A device that boots with an aggressive version 1 peer in reach starts no Aggressive Mode."""

    requirements = ("CISCO-RO-02",)
    deviants = ("starts-on-boot",)
    subject = "INV-04"
    needs = frozenset({"boot", "v1-aggressive"})
    settings = staticmethod(_aggressive)
    also = {"spec": ("E01",)}


class InterfaceUp(_Silence):
    """A tunnel interface that comes up starts nothing."""

    requirements = ("CISCO-RO-21", "CISCO-RO-39")
    deviants = ("starts-on-interface-up",)
    subject = "INV-01"
    needs = frozenset({"interface_up"})
    trigger = Trigger.INTERFACE_UP
    also = {"spec": ("E03",)}


class MatchingTraffic(_Silence):
    """A packet for the tunnel, with no SA there, starts no IKE SA."""

    requirements = ("CISCO-RO-37", "CISCO-RO-39")
    deviants = ("starts-on-matching-traffic",)
    subject = "INV-01"
    needs = frozenset({"matching_traffic"})
    trigger = Trigger.MATCHING_TRAFFIC
    silence = Silence.TRAFFIC
    times = 10
    also = {"spec": ("E04",)}


class MatchingTrafficInMainMode(_Silence):
    """A packet for the tunnel, with no SA there, starts no Main Mode."""

    requirements = ("CISCO-RO-01", "CISCO-RO-37")
    deviants = ("starts-on-matching-traffic",)
    subject = "INV-04"
    needs = frozenset({"matching_traffic", "v1-main"})
    settings = staticmethod(_version_1)
    trigger = Trigger.MATCHING_TRAFFIC
    silence = Silence.TRAFFIC
    times = 10
    also = {"spec": ("E04",)}


class TrafficWithoutChild(_Silence):
    """A packet for the tunnel, on an IKE SA that has no Child SA, starts no CREATE_CHILD_SA."""

    requirements = ("CISCO-RO-40", "CISCO-RO-37")
    deviants = ("starts-on-matching-traffic",)
    subject = "INV-02"
    needs = frozenset({"matching_traffic"})
    trigger = Trigger.MATCHING_TRAFFIC
    silence = Silence.TRAFFIC
    times = 10
    also = {"spec": ("E04",)}

    def connect(self, alice: Initiator) -> Steps:
        yield from alice.connect(mark="auth")
        return (yield alice.delete_child(mark="delete"))

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("delete"), "the Child SA's end").is_present()
        yield from super().judge(trace)


class TrafficWithoutQuickMode(_Silence):
    """A packet for the tunnel, on an ISAKMP SA that has no IPsec SA, starts no Quick Mode."""

    requirements = ("CISCO-RO-03", "CISCO-RO-37")
    deviants = ("starts-on-matching-traffic",)
    subject = "INV-05"
    needs = frozenset({"matching_traffic", "v1-main"})
    settings = staticmethod(_version_1)
    trigger = Trigger.MATCHING_TRAFFIC
    silence = Silence.TRAFFIC
    times = 10
    also = {"spec": ("E04",)}

    def connect(self, alice: Initiator) -> Steps:
        return (yield from alice.main_mode(mark="main"))

    def judge(self, trace: Trace) -> Findings:
        yield given(
            trace.reply_to("main").find(v1.Identification), "the ISAKMP SA that the peer made"
        ).is_present()
        yield from super().judge(trace)


class SecondSelector(_SilenceWithSa):
    """A packet for a second pair of subnets starts no CREATE_CHILD_SA."""

    requirements = ("CISCO-RO-40",)
    deviants = ("starts-on-second-selector",)
    subject = "INV-02"
    needs = frozenset({"second_selector"})
    settings = staticmethod(_two_selectors)
    trigger = Trigger.SECOND_SELECTOR
    silence = Silence.TRAFFIC
    times = 10
    also = {"spec": ("E05",)}


class SecondSelectorInQuickMode(_SilenceWithIpsecSa):
    """A packet for a second pair of subnets starts no Quick Mode."""

    requirements = ("CISCO-RO-03",)
    deviants = ("starts-on-second-selector",)
    subject = "INV-05"
    needs = frozenset({"second_selector", "v1-main"})
    settings = staticmethod(_two_selectors_v1)
    trigger = Trigger.SECOND_SELECTOR
    silence = Silence.TRAFFIC
    times = 10
    also = {"spec": ("E05",)}


class RoutingHellos(_Silence):
    """A routing protocol's hellos on the tunnel interface start nothing."""

    requirements = ("CISCO-RO-22", "CISCO-RO-37", "CISCO-RO-39")
    deviants = ("starts-on-multicast",)
    subject = "INV-01"
    needs = frozenset({"multicast"})
    trigger = Trigger.MULTICAST
    silence = Silence.TRAFFIC
    times = 20
    also = {"spec": ("E06",)}


class RouteConvergence(_SilenceWithSa):
    """Routes that converge twenty times over start nothing, with an SA there."""

    requirements = ("CISCO-RO-22", "CISCO-RO-39")
    deviants = ("starts-on-route-convergence",)
    subject = "INV-01"
    needs = frozenset({"route_convergence"})
    trigger = Trigger.ROUTE_CONVERGENCE
    times = 20
    also = {"spec": ("E07",)}


class RouteConvergenceInMainMode(_Silence):
    """Routes that converge twenty times over start no Main Mode, with no SA there."""

    requirements = ("CISCO-RO-01", "CISCO-RO-22")
    deviants = ("starts-on-route-convergence",)
    subject = "INV-04"
    needs = frozenset({"route_convergence", "v1-main"})
    settings = staticmethod(_version_1)
    trigger = Trigger.ROUTE_CONVERGENCE
    times = 20
    also = {"spec": ("E07",)}


class Reload(_SilenceWithSa):
    """A reload of the configuration may delete SAs; it makes none again."""

    requirements = ("CISCO-RO-39", "CISCO-RO-44")
    deviants = ("starts-on-reload",)
    subject = "INV-01"
    needs = frozenset({"reload"})
    trigger = Trigger.RELOAD
    silence = Silence.RECOVERY
    also = {"spec": ("E09", "E10")}


class Clear(_SilenceWithSa):
    """SAs that an operator clears are deleted, and not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("starts-on-clear",)
    subject = "INV-01"
    needs = frozenset({"clear"})
    trigger = Trigger.CLEAR
    silence = Silence.RECOVERY
    also = {"spec": ("E11",)}


class ClearThatNobodyAcknowledges(Clear):
    """SAs that an operator clears, and whose Deletes their peer never acknowledges, are not made again."""

    deviants = ("restarts-lost-peers",)
    wait_s = GIVEN_UP_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connect(alice)
        yield alice.ignores(*Ask)
        yield Provoke(self.trigger)
        yield Elapse(GIVEN_UP_S)
        yield Watch()


class ClearInMainMode(_SilenceWithIpsecSa):
    """SAs of version 1 that an operator clears are deleted by what nobody acknowledges, and no phase 1 is started."""

    requirements = ("CISCO-RO-44", "CISCO-RO-01")
    deviants = ("v1-starts-on-clear",)
    subject = "INV-04"
    needs = frozenset({"clear", "v1-main"})
    settings = staticmethod(_version_1)
    trigger = Trigger.CLEAR
    silence = Silence.RECOVERY
    also = {"spec": ("E11",)}


class OperatorInitiates(_Silence):
    """An operator's command to start is refused."""

    requirements = ("CISCO-RO-39",)
    deviants = ("starts-on-operator-initiate",)
    subject = "INV-01"
    needs = frozenset({"operator_initiate"})
    trigger = Trigger.OPERATOR_INITIATE
    also = {"spec": ("E12",)}


class AddressChange(_SilenceWithSa):
    """A device whose own address changes makes no SA anew from the new one."""

    requirements = ("CISCO-RO-39", "CISCO-RO-19")
    deviants = ("starts-on-address-change",)
    subject = "INV-01"
    needs = frozenset({"address_change"})
    trigger = Trigger.ADDRESS_CHANGE
    also = {"spec": ("E18",)}


class Failover(_Silence):
    """A node that takes over behind a shared address starts nothing towards the clients."""

    requirements = ("CISCO-RO-17", "CISCO-RO-19", "CISCO-RO-39")
    deviants = ("starts-on-failover",)
    subject = "INV-01"
    needs = frozenset({"failover"})
    trigger = Trigger.FAILOVER
    silence = Silence.RECOVERY
    also = {"spec": ("D13", "D14")}


class InterfaceDown(_SilenceWithSa):
    """A tunnel interface that goes down may delete its SAs; it makes none again."""

    requirements = ("CISCO-RO-39", "CISCO-RO-44")
    deviants = ("starts-on-interface-down",)
    subject = "INV-01"
    needs = frozenset({"interface_down"})
    trigger = Trigger.INTERFACE_DOWN
    silence = Silence.RECOVERY
    also = {"spec": ("E03",)}


class ClockStep(_SilenceWithSa):
    """A wall clock that jumps makes no SA anew, and ends none: lifetimes follow the steady clock."""

    requirements = ("CISCO-RO-39",)
    deviants = ("starts-on-clock-step",)
    subject = "INV-01"
    needs = frozenset({"clock_step"})
    trigger = Trigger.CLOCK_STEP
    also = {"spec": ("E15",)}


class ClockStepWithCertificates(ClockStep):
    """The same where peers prove themselves by certificates, which the wall clock outdates: nobody is made to do so anew."""

    needs = frozenset({"clock_step", "certificates"})
    settings = staticmethod(certified)


def _cold(configuration: Configuration) -> Configuration:
    return replace(configuration, standby="cold")


def _synchronised(configuration: Configuration) -> Configuration:
    return replace(configuration, standby="synchronised")


class _FailoverWithSa(_SilenceWithSa):
    """A second node takes over while an SA stands; then the peer uses that SA."""

    trigger = Trigger.FAILOVER
    silence = Silence.RECOVERY
    needs = frozenset({"failover", "standby"})

    def script(self, alice: Initiator) -> Script:
        yield from self.connect(alice)
        yield Provoke(self.trigger)
        yield Watch()
        yield alice.liveness(mark="after")


class FailoverWithoutState(_FailoverWithSa):
    """A node that takes over without the SAs calls nobody; who uses an SA that it doesn't know may be told so."""

    requirements = ("CISCO-RO-17", "CISCO-RO-19", "CISCO-RO-39")
    deviants = ("starts-on-failover",)
    subject = "INV-01"
    settings = staticmethod(_cold)
    also = {"spec": ("D12",)}

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        told = trace.reply_to("after").find(v2.Notify)
        if told.present:
            yield that(told.notify_type, "what it says of the SA").equals(NotifyType.INVALID_IKE_SPI)


class FailoverWithState(_FailoverWithSa):
    """A node that takes over with the SAs goes on answering on them, and rekeys nothing to be safe."""

    requirements = ("CISCO-RO-17", "CISCO-RO-20", "CISCO-RO-39")
    deviants = ("starts-on-failover",)
    subject = "INV-01"
    settings = staticmethod(_synchronised)
    also = {"spec": ("D13",)}

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = trace.reply_to("after")
        yield that(answer, "the answer on the SA that was taken over").is_present()
        yield that(
            answer.find(v2.Notify, NotifyType.INVALID_IKE_SPI), "a word that it knows no such SA"
        ).is_absent()


def _synchronised_v1(configuration: Configuration) -> Configuration:
    return _version_1(_synchronised(configuration))


class FailoverWithIsakmpSa(_Silence):
    """A node that takes over with an ISAKMP SA goes on answering on it, and starts no Main Mode."""

    requirements = ("CISCO-RO-17", "CISCO-RO-19", "CISCO-RO-01")
    deviants = ("starts-on-failover",)
    subject = "INV-04"
    needs = frozenset({"failover", "standby", "v1-main"})
    settings = staticmethod(_synchronised_v1)
    trigger = Trigger.FAILOVER
    silence = Silence.RECOVERY
    also = {"spec": ("D13",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="main")
        yield Provoke(self.trigger)
        yield Watch()
        yield alice.dpd(mark="after")

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("main").find(v1.Hash)
        yield given(made, "the ISAKMP SA that the peer made").is_present()
        yield from super().judge(trace)
        yield that(trace.reply_to("after"), "the answer on the SA that was taken over").is_present()


class BothEndsConverge(Case):
    """Routes that converge at both ends at once make the other device call; this one adds no call of its own."""

    requirements = ("CISCO-RO-23", "CISCO-RO-22", "CISCO-RO-21")
    deviants = ("starts-on-route-convergence",)
    subject = "INV-01"
    needs = frozenset({"route_convergence"})
    also = {"spec": ("C01", "C19", "E07")}
    silence = Silence.START

    def script(self, bob: Device) -> Script:
        yield bob.provoke(Trigger.ROUTE_CONVERGENCE)
        yield Provoke(Trigger.ROUTE_CONVERGENCE)
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.observations("provoke"), "the trigger route_convergence").is_present()
        answered = trace.from_target(Exchange.IKE_AUTH)
        yield given(answered.among(v2.Authentication), "the IKE SA that the other device made").is_present()


class BothEndsConvergeInMainMode(BothEndsConverge):
    """The same in version 1: the other device's Main Mode is answered, and no Main Mode crosses it."""

    subject = "INV-04"
    needs = frozenset({"route_convergence", "v1-main"})
    settings = staticmethod(_version_1)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.observations("provoke"), "the trigger route_convergence").is_present()
        answered = trace.from_target(Exchange.IDENTITY_PROTECTION)
        yield given(answered.among(v1.Hash), "the ISAKMP SA that the other device made").is_present()
