"""Group B: lifetimes reached with a peer that never rekeys: SAs end, and nothing takes their place."""

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
from harness.codes import Exchange, Protocol
from harness.peer import Ask
from harness.wire import v1, v2

CHILD_SOFT_S, CHILD_HARD_S = 3.0, 5.0
IKE_SOFT_S, IKE_HARD_S = 4.0, 6.0
LONG_S = 3600.0
EXPIRED_S = CHILD_HARD_S + 1.0
"""When a short Child SA is surely over."""
GIVEN_UP_S = 40.0
"""How long a target may ask a peer that answers nothing until it gives it up."""
QUIET_S = 1.0
"""How long an answer is waited for that must not come."""


def _short_child(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(
        child_soft=CHILD_SOFT_S, child_hard=CHILD_HARD_S, ike_soft=LONG_S, ike_hard=2 * LONG_S
    )


def _short_ike(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(
        child_soft=LONG_S, child_hard=2 * LONG_S, ike_soft=IKE_SOFT_S, ike_hard=IKE_HARD_S
    )


def _short_child_v1(configuration: Configuration) -> Configuration:
    return replace(_short_child(configuration), initiate_version=1)


def _short_phase_1(configuration: Configuration) -> Configuration:
    return replace(_short_ike(configuration), initiate_version=1)


class _Lifetime(Case):
    """A tunnel that the peer made and never renews, watched until its limits have passed, twice over."""

    silence = Silence.RENEWAL

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("made").find(v2.SecurityAssociation)
        yield given(made, "the Child SA that the peer made").is_present()


class ChildAtItsSoftLimit(_Lifetime):
    """A Child SA that reaches its soft limit is not rekeyed."""

    requirements = ("CISCO-RO-41", "CISCO-RO-05")
    deviants = ("rekeys-child-at-soft-limit",)
    subject = "INV-02"
    settings = staticmethod(_short_child)
    outlasts = "child"
    also = {"spec": ("B01", "B20")}


class ChildAtItsHardLimit(_Lifetime):
    """A Child SA that reaches its hard limit is not replaced."""

    requirements = ("CISCO-RO-44", "CISCO-RO-41")
    deviants = ("replaces-child-at-hard-limit",)
    subject = "INV-02"
    settings = staticmethod(_short_child)
    outlasts = "child"
    also = {"spec": ("B02",)}


class ExpiredChildIsDeleted(_Lifetime):
    """A Child SA that reaches its hard limit is deleted, alone or with its IKE SA, and the peer is told so."""

    requirements = ("RFC7296-2.4-22", "RFC7296-2.4-24", "RFC7296-2.8-01", "CISCO-RO-33")
    deviants = ("forgets-to-delete-expired-children",)
    settings = staticmethod(_short_child)
    outlasts = "child"
    also = {"spec": ("B02",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.liveness(mark="alive", due=False)

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("made").find(v2.SecurityAssociation)
        yield given(made, "the Child SA that the peer made").is_present()
        spi = made.proposals[0].spi
        deletes = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: [d for s in seen for d in s.payloads if _ends(d, spi.value)] or None,
            "none of its requests deletes it",
        )
        # To keep silent on the end of a whole IKE SA breaks no more than a SHOULD (RFC 7296 section 2.4).
        stands = protected(trace.replies_to("alive")).present
        wanted = "RFC7296-2.4-22" if stands else "RFC7296-2.4-24"
        yield that(deletes, "a Delete of the child, or of its IKE SA", requirement=wanted).is_present()


def _ends(payload: object, spi: bytes) -> bool:
    """Whether a payload deletes the Child SA that the target receives under this SPI, or the IKE SA."""
    if not isinstance(payload, v2.Delete):
        return False
    return payload.protocol == Protocol.IKE or (payload.protocol == Protocol.ESP and spi in payload.spis)


class ChildAtItsVolumeLimit(_Lifetime):
    """A Child SA that reaches its soft limit by volume is not rekeyed."""

    requirements = ("CISCO-RO-05", "CISCO-RO-41")
    deviants = ("starts-on-soft-expiry",)
    subject = "INV-02"
    needs = frozenset({"soft_expiry"})
    also = {"spec": ("B04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Provoke(Trigger.SOFT_EXPIRY)
        yield Watch()


class ChildPastItsVolumeLimit(_Lifetime):
    """A Child SA that reaches its hard limit by volume is not replaced."""

    requirements = ("CISCO-RO-44", "CISCO-RO-41")
    deviants = ("starts-on-hard-expiry",)
    subject = "INV-02"
    needs = frozenset({"hard_expiry"})
    also = {"spec": ("B04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Provoke(Trigger.HARD_EXPIRY)
        yield Watch()


class IkeSaAtItsSoftLimit(_Lifetime):
    """An IKE SA that reaches its soft limit is not rekeyed."""

    requirements = ("CISCO-RO-42", "CISCO-RO-04")
    deviants = ("rekeys-ike-at-soft-limit",)
    subject = "INV-02"
    settings = staticmethod(_short_ike)
    outlasts = "ike"
    also = {"spec": ("B06",)}


class IkeSaAtItsHardLimit(_Lifetime):
    """An IKE SA that reaches its hard limit ends, and no other is started."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    deviants = ("replaces-ike-at-hard-limit",)
    subject = "INV-01"
    settings = staticmethod(_short_ike)
    outlasts = "ike"
    also = {"spec": ("B06",)}


class _ExpiryUnderADeadPeer(_Lifetime):
    """The same with a peer that falls silent once the tunnel stands: nobody takes note of the Delete at its end."""

    subject = "INV-01"
    deviants = ("restarts-lost-peers",)
    silence = Silence.RECOVERY
    wait_s = IKE_HARD_S + GIVEN_UP_S

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.ignores(*Ask)
        yield Elapse(self.wait_s)
        yield Watch()


class ChildExpiresUnderADeadPeer(_ExpiryUnderADeadPeer):
    """A Child SA that ends while its peer is dead is not made again, and neither is the IKE SA."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39", "CISCO-RO-41")
    settings = staticmethod(_short_child)
    also = {"spec": ("B02", "F01")}


class IkeSaExpiresUnderADeadPeer(_ExpiryUnderADeadPeer):
    """An IKE SA that ends while its peer is dead is not made again."""

    requirements = ("CISCO-RO-44", "CISCO-RO-39")
    settings = staticmethod(_short_ike)
    also = {"spec": ("B06", "F01")}


class _LifetimeV1(_Lifetime):
    """The same with an ISAKMP SA and an IPsec SA."""

    needs = frozenset({"v1-main"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from alice.quick_mode(mark="made")
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        made = trace.reply_to("made").find(v1.SecurityAssociation)
        yield given(made, "the IPsec SA that the peer made").is_present()


class IpsecSaAtItsSoftLimit(_LifetimeV1):
    """An IPsec SA that reaches its soft limit is not renewed by a Quick Mode."""

    requirements = ("CISCO-RO-05", "CISCO-RO-03")
    deviants = ("v1-rekeys-child-at-soft-limit",)
    subject = "INV-05"
    settings = staticmethod(_short_child_v1)
    outlasts = "child"
    also = {"spec": ("B01", "B02")}


class IsakmpSaAtItsSoftLimit(_LifetimeV1):
    """An ISAKMP SA that reaches its soft limit is not renewed by another phase 1."""

    requirements = ("CISCO-RO-04", "CISCO-RO-01")
    deviants = ("v1-renews-phase1-at-soft-limit",)
    subject = "INV-04"
    settings = staticmethod(_short_phase_1)
    outlasts = "ike"
    also = {"spec": ("B06", "B07")}


class IpsecSaAtItsHardLimit(_LifetimeV1):
    """An IPsec SA that reaches its hard limit is not replaced by a Quick Mode."""

    requirements = ("CISCO-RO-44", "CISCO-RO-03")
    deviants = ("v1-replaces-child-at-hard-limit",)
    subject = "INV-05"
    settings = staticmethod(_short_child_v1)
    outlasts = "child"
    also = {"spec": ("B02",)}


class IsakmpSaAtItsHardLimit(_LifetimeV1):
    """An ISAKMP SA that reaches its hard limit ends, and no other phase 1 is started."""

    requirements = ("CISCO-RO-44", "CISCO-RO-01")
    deviants = ("v1-replaces-phase1-at-hard-limit",)
    subject = "INV-04"
    settings = staticmethod(_short_phase_1)
    outlasts = "ike"
    also = {"spec": ("B06", "B07")}


class ExpiredChildCarriesNothing(_Lifetime):
    """A Child SA past its hard limit carries no packet any more."""

    requirements = ("RFC7296-2.8-01", "CISCO-RO-41")
    deviants = ("serves-expired-children",)
    needs = frozenset({"data", "esp"})
    settings = staticmethod(_short_child)
    outlasts = "child"
    also = {"spec": ("B02",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.ping(mark="first")
        child = alice.ike.child
        yield Watch()
        yield alice.ping(child, mark="afterwards", retransmit=(), wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.pongs_to("first"), "the answer to a packet in time").is_present()
        yield given(trace.marked("afterwards"), "a packet past the hard limit").is_present()
        yield that(trace.packets_after("afterwards"), "a packet past the hard limit").is_absent()


class TrafficAfterExpiry(_Lifetime):
    """Packets from behind the target, with their Child SA expired, start nothing and do not leave in clear."""

    requirements = ("RFC4301-5.1-01", "CISCO-RO-44", "CISCO-RO-37")
    deviants = ("leaks-in-clear",)
    needs = frozenset({"data", "matching_traffic"})
    settings = staticmethod(_short_child)
    silence = Silence.TRAFFIC
    wait_s = EXPIRED_S
    also = {"spec": ("B03",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield Elapse(EXPIRED_S)
        yield Provoke(Trigger.MATCHING_TRAFFIC, times=10)
        yield Watch()

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.observations("provoke"), "traffic behind the target").is_present()
        yield that(trace.leaked(), "a packet in clear").is_absent()
