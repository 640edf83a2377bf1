"""RFC 4303 section 3: packets through the IPsec SAs that Quick Mode made."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Script,
    Trace,
    given,
    that,
)
from harness.wire import v1

QUIET_S = 1.0
"""Longer than a path keeps a packet back: what comes afterwards answers what was sent afterwards."""
KILOBYTES = 4
BIG = bytes(1024)
CHILD_HARD_S = 5.0


def _few_octets(configuration: Configuration) -> Configuration:
    return replace(configuration.with_lifetimes(child_kilobytes=KILOBYTES), initiate_version=1)


def _few_seconds(configuration: Configuration) -> Configuration:
    return replace(configuration.with_lifetimes(child_hard=CHILD_HARD_S), initiate_version=1)


class _Packets(Case):
    """IPsec SAs that the peer made, with a packet that shows that they carry."""

    needs = frozenset({"data", "esp", "v1-main"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield from self.quick_mode(alice, "made")
        yield alice.ping(mark="first")

    def quick_mode(self, alice: Initiator, mark: str) -> Script:
        """Quick Mode whose third message, which nothing answers, surely arrives: without it no IPsec SA serves."""
        yield alice.quick_mode_1(mark=mark)
        yield from alice.surely(alice.quick_mode_3(mark=f"{mark}, third"))

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        yield given(trace.pongs_to("first"), "the answer to a first packet").is_present()

    def premises(self, trace: Trace) -> Findings:
        """The IPsec SAs came to be."""
        made = trace.reply_to("made").find(v1.SecurityAssociation)
        yield given(made, "the IPsec SAs that the peer made").is_present()
        yield given(trace.marked("made, third"), "the message that puts them to use").is_present()


class AnEchoComesBack(_Packets):
    """A packet through new IPsec SAs is taken, and its answer comes through the SA that the peer receives on."""

    requirements = ("RFC2409-5.5-26", "RFC2409-5.5-24", "RFC4301-5.2-03")
    deviants = ("carries-no-packets",)
    also = {"spec": ("A11",)}

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        yield given(trace.marked("first"), "the packet").is_present()
        pongs = trace.pongs_to("first")
        yield that(pongs, "the answer to a packet").is_present()
        offer = trace.marked("made").find(v1.SecurityAssociation)
        if pongs.present and offer.value is not None:
            yield that(pongs[0].packet.spi, "the SPI of the answer", requirement="RFC2409-5.5-24").is_one_of(
                *(proposal.spi for proposal in offer.value.proposals)
            )


class AfterAnotherQuickMode(_Packets):
    """After a Quick Mode renewed IPsec SAs, packets go through the new ones, under keys of their own."""

    requirements = ("RFC2409-5.5-26",)
    deviants = ("v1-swaps-the-keys-of-renewed-children",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield from self.quick_mode(alice, "renewed")
        yield alice.ping(mark="through the new ones")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        renewed = trace.reply_to("renewed").find(v1.SecurityAssociation)
        yield given(renewed, "the new IPsec SAs").is_present()
        yield given(trace.marked("renewed, third"), "the message that puts them to use").is_present()
        yield given(trace.marked("through the new ones"), "a packet through them").is_present()
        pongs = trace.pongs_to("through the new ones")
        yield that(pongs, "the answer to a packet through the new IPsec SAs").is_present()


class ReplayedPacket(_Packets):
    """A packet that comes again is discarded."""

    requirements = ("RFC4303-3.4.3-02", "RFC4303-3.4.3-01")
    deviants = ("takes-replayed-packets",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        for _ in range(2):
            yield Elapse(QUIET_S)
            yield alice.again("first", mark="replay")
        yield Elapse(QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("replay"), "the packet again").is_present()
        yield that(trace.pongs_to("replay"), "an answer to the packet again").is_absent()


class VolumeLimit(_Packets):
    """IPsec SAs that have carried more than the kilobytes that were negotiated are deleted, and not used any more."""

    requirements = ("RFC4301-4.4.2.1-01",)
    deviants = ("counts-no-octets",)
    settings = staticmethod(_few_octets)
    also = {"spec": ("B04",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        child = alice.isakmp.child
        for _ in range(4 * KILOBYTES):
            yield alice.ping(child, data=BIG, retransmit=(), wait=0.1)
        yield Elapse(QUIET_S)
        yield alice.ping(child, mark="afterwards", retransmit=(), wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("afterwards"), "a packet beyond the limit").is_present()
        after = trace.packets_after("afterwards")
        yield that(after, "a packet beyond the limit").is_absent()


class PastTheHardLimit(_Packets):
    """IPsec SAs past their lifetime in seconds are not used any more."""

    requirements = ("RFC4301-4.4.2.1-01",)
    deviants = ("v1-serves-expired-children",)
    settings = staticmethod(_few_seconds)
    wait_s = CHILD_HARD_S + QUIET_S
    also = {"spec": ("B02",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        child = alice.isakmp.child
        yield Elapse(CHILD_HARD_S + QUIET_S)
        yield alice.ping(child, mark="afterwards", retransmit=(), wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("afterwards"), "a packet beyond the limit").is_present()
        yield that(trace.packets_after("afterwards"), "a packet beyond the limit").is_absent()
