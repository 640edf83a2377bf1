"""RFC 4303 section 3 and RFC 4301 section 5: packets through the Child SAs of IKEv2, both ways."""

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Observed,
    Provoke,
    Script,
    Seen,
    Trace,
    Trigger,
    given,
    refusal,
    that,
)
from harness.codes import Exchange, Protocol
from harness.wire import v2

QUIET_S = 1.0
"""Longer than a path keeps a packet back: what comes afterwards answers what was sent afterwards."""
TRIES = (0.3, 0.6)
"""When a packet is sent again that must have no answer: on a poor path one alone may not arrive."""
STRANGER = bytes.fromhex("0badc0de")
"""An SPI that nobody gave."""
OUTSIDE = "192.0.2.200"
"""An address that no Child SA is for."""
KILOBYTES = 4
BIG = bytes(1024)


def _few_octets(configuration: Configuration) -> Configuration:
    return configuration.with_lifetimes(child_kilobytes=KILOBYTES)


class _Packets(Case):
    """A Child SA that the peer made, with a packet that shows that it carries."""

    needs = frozenset({"data", "esp"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="made")
        yield alice.ping(mark="first")

    def judge(self, trace: Trace) -> Findings:
        yield given(self.made(trace), "the Child SA that the peer made").is_present()
        yield given(trace.pongs_to("first"), "the answer to a first packet").is_present()

    def made(self, trace: Trace) -> Observed[v2.SecurityAssociation]:
        """What the target took of the offer for the first Child SA."""
        return trace.reply_to("made").find(v2.SecurityAssociation)


class AnEchoComesBack(_Packets):
    """A packet through a new Child SA is taken, and its answer comes through the SA that the peer receives on."""

    requirements = ("RFC4301-5.2-03", "RFC7296-2.17-04")
    deviants = ("carries-no-packets",)
    also = {"spec": ("A01",)}

    def judge(self, trace: Trace) -> Findings:
        yield given(self.made(trace), "the Child SA that the peer made").is_present()
        yield given(trace.marked("first"), "the packet").is_present()
        pongs = trace.pongs_to("first")
        yield that(pongs, "the answer to a packet").is_present()
        if pongs.present:
            inbound = _spi_offered(trace, "made")
            yield that(pongs[0].packet.spi, "the SPI of the answer").equals(inbound)


class NumbersCountUp(_Packets):
    """The target's packets count from 1, one by one."""

    requirements = ("RFC4303-3.3.3-02", "RFC4303-2.2-02", "RFC4303-2.2-01")
    deviants = ("repeats-sequence-numbers", "skips-sequence-numbers")

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        for number in range(3):
            yield alice.ping(mark=f"ping {number}")

    def judge(self, trace: Trace) -> Findings:
        yield given(self.made(trace), "the Child SA that the peer made").is_present()
        sent = trace.packets_after("made")
        yield given(sent, "the target's packets").is_present()
        numbers = sent.then(lambda seen: [each.packet.number for each in seen if each.packet])
        first = numbers.then(lambda counted: counted[0])
        yield that(first, "the number of the first packet", requirement="RFC4303-2.2-02").equals(1)
        wanted = numbers.then(lambda counted: [*range(1, len(counted) + 1)])
        yield that(numbers, "the numbers of all packets").equals(wanted.value)


class PaddingCountsUp(_Packets):
    """The padding of the target's packets is 1, 2, 3."""

    requirements = ("RFC4303-2.4-02",)
    deviants = ("pads-with-zeros",)

    def judge(self, trace: Trace) -> Findings:
        yield given(self.made(trace), "the Child SA that the peer made").is_present()
        pongs = trace.pongs_to("first")
        yield given(pongs, "the answer to a packet").is_present()
        yield that(pongs[0].packet.notes, "what is odd about the answer").equals(())


class MorePaddingThanNeeded(_Packets):
    """A packet with more padding than its cipher needs is taken."""

    requirements = ("RFC4303-2.4-01",)
    deviants = ("carries-no-packets",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(mark="padded", more_padding=8)

    def judge(self, trace: Trace) -> Findings:
        yield given(self.made(trace), "the Child SA that the peer made").is_present()
        yield given(trace.marked("padded"), "the padded packet").is_present()
        yield that(trace.pongs_to("padded"), "the answer to a padded packet").is_present()


class ReplayedPacket(_Packets):
    """A packet that comes again is discarded."""

    requirements = ("RFC4303-3.4.3-02", "RFC4303-3.4.3-01")
    deviants = ("takes-replayed-packets",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        for _ in TRIES:
            yield Elapse(QUIET_S)
            yield alice.again("first", mark="replay")
        yield Elapse(QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("replay"), "the packet again").is_present()
        yield that(trace.pongs_to("replay"), "an answer to the packet again").is_absent()


class OutOfOrder(_Packets):
    """Packets that others have overtaken are taken: the window is 32 numbers wide or wider."""

    requirements = ("RFC4303-3.4.3-03",)
    deviants = ("has-a-window-of-one",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(mark="ahead", number=100, retransmit=(), wait=QUIET_S)
        yield alice.ping(mark="behind", number=100 - 31, retransmit=(), wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.pongs_to("ahead"), "the answer to a packet far ahead").is_present()
        yield given(trace.marked("behind"), "a packet 31 numbers behind it").is_present()
        yield that(trace.pongs_to("behind"), "the answer to a packet 31 numbers behind it").is_present()


class BrokenIcv(_Packets):
    """A packet whose integrity check fails is discarded, and changes nothing for the ones to come."""

    requirements = ("RFC4303-3.4.4-01", "RFC4303-3.4.3-05")
    deviants = ("compares-all-but-the-last-bit", "moves-the-window-for-broken-packets")

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(mark="broken", number=5_000, bend=_last_bit, retransmit=TRIES, wait=QUIET_S)
        yield alice.ping(mark="afterwards")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("broken"), "the packet with a broken ICV").is_present()
        others = _pongs_but(trace, "broken", "first", "afterwards")
        yield that(others, "an answer to a packet with a broken ICV").is_absent()
        yield given(trace.marked("afterwards"), "a packet after the broken one").is_present()
        afterwards = trace.pongs_to("afterwards")
        yield that(
            afterwards, "the answer to a packet after the broken one", requirement="RFC4303-3.4.3-05"
        ).is_present()


class UnknownSpi(_Packets):
    """A packet of an SPI that the target never gave is discarded, however well it is sealed."""

    requirements = ("RFC4303-3.4.2-01",)
    deviants = ("guesses-the-sa-of-a-packet",)
    also = {"spec": ("F03", "I10")}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(mark="stranger", spi=STRANGER, retransmit=TRIES, wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("stranger"), "the packet of an unknown SPI").is_present()
        others = _pongs_but(trace, "stranger", "first")
        yield that(others, "an answer to a packet of an unknown SPI").is_absent()


class WrongSelectors(_Packets):
    """A packet from somebody whom the Child SA is not for is discarded."""

    requirements = ("RFC4301-5.2-01",)
    deviants = ("skips-the-selectors",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(mark="outside", source=OUTSIDE, hostile=True, retransmit=TRIES, wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("outside"), "the packet from outside").is_present()
        yield that(trace.pongs_to("outside"), "an answer to a packet from outside").is_absent()


class DummyPacket(_Packets):
    """A dummy packet is discarded without a word, and the next packet is taken."""

    requirements = ("RFC4303-2.6-01",)
    deviants = ("complains-of-dummy-packets",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.dummy_packet(mark="dummy", hostile=True)
        yield Elapse(QUIET_S)
        yield alice.ping(mark="afterwards")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        dummy = trace.marked("dummy")
        yield given(dummy, "the dummy packet").is_present()
        complaints = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: [p for s in seen for p in s.payloads if isinstance(p, v2.Notify)] or None,
            "it sends no notify",
        )
        yield that(complaints, "a notify about the dummy packet").is_absent()
        yield given(trace.marked("afterwards"), "a packet after the dummy").is_present()
        yield that(trace.pongs_to("afterwards"), "the answer to a packet after the dummy").is_present()


class EspInUdp(_Packets):
    """ESP in UDP on port 4500 is taken although no NAT was found."""

    requirements = ("RFC7296-2.23-09", "RFC3948-3.5-01")
    deviants = ("takes-no-esp-in-udp",)

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield alice.ping(mark="in udp", udp=True)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("in udp"), "the packet in UDP").is_present()
        yield that(trace.pongs_to("in udp"), "the answer to a packet in UDP").is_present()


class TrafficOfTheTarget(_Packets):
    """A packet from behind the target for behind the peer goes through the Child SA, and not in clear."""

    requirements = ("RFC4301-5.1-01",)
    deviants = ("leaks-in-clear",)
    needs = frozenset({"data", "esp", "matching_traffic"})

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield Elapse(QUIET_S)
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(QUIET_S)
        yield alice.delete_child(mark="delete")
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        sent = trace.packets_after("first").then(
            lambda seen: [each for each in seen if _asks(each)] or None, "none holds an echo request"
        )
        yield that(sent, "the target's own packet, in ESP").is_present()
        yield given(trace.reply_to("delete"), "the Child SA's end").is_present()
        yield that(trace.leaked(), "a packet in clear").is_absent()


class AfterChildRekey(_Packets):
    """After a Child SA was rekeyed, packets go through its successor."""

    requirements = ("RFC7296-2.17-04", "RFC4301-5.2-03")
    deviants = ("swaps-the-keys-of-rekeyed-children",)
    also = {"spec": ("A07",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield from alice.rekey_child(mark="rekey")
        yield alice.ping(mark="through the new one")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = trace.reply_to("rekey")
        yield given(refusal(answer), "a refusal to rekey").is_absent()
        yield given(answer.find(v2.SecurityAssociation), "the successor").is_present()
        yield given(trace.marked("through the new one"), "a packet through it").is_present()
        pongs = trace.pongs_to("through the new one")
        yield that(pongs, "the answer to a packet through the successor").is_present()


class AfterIkeRekey(_Packets):
    """After the IKE SA was rekeyed, its successor's Child SAs carry packets on, and count on."""

    requirements = ("RFC7296-2.8-07", "RFC4303-3.4.3-02")
    deviants = ("loses-children-at-ike-rekey",)
    also = {"spec": ("A08",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        yield from alice.rekey_ike(mark="rekey")
        yield alice.ping(mark="carried on")
        yield Elapse(QUIET_S)
        yield alice.again("first", mark="replay")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = trace.reply_to("rekey")
        yield given(refusal(answer), "a refusal to rekey").is_absent()
        yield given(answer.find(v2.SecurityAssociation), "the successor").is_present()
        yield given(trace.marked("carried on"), "a packet after it").is_present()
        yield that(trace.pongs_to("carried on"), "the answer to a packet after the rekey").is_present()
        again = trace.pongs_to("replay")
        yield that(
            again, "an answer to the packet from before, again", requirement="RFC4303-3.4.3-02"
        ).is_absent()


class VolumeLimit(_Packets):
    """A Child SA that has carried more than its lifetime by volume is not used any more."""

    requirements = ("RFC4301-4.4.2.1-01", "RFC7296-2.8-01")
    deviants = ("counts-no-octets",)
    settings = staticmethod(_few_octets)
    also = {"spec": ("B04",)}

    def script(self, alice: Initiator) -> Script:
        yield from super().script(alice)
        child = alice.ike.child
        for _ in range(4 * KILOBYTES):
            yield alice.ping(child, data=BIG, retransmit=(), wait=0.1)
        yield Elapse(QUIET_S)
        yield alice.ping(child, mark="afterwards", retransmit=(), wait=QUIET_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.marked("afterwards"), "a packet beyond the limit").is_present()
        spi = self.made(trace).proposals[0].spi
        deletes = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: [d for s in seen for d in s.payloads if _ends(d, spi.value)] or None,
            "none of its requests deletes it",
        )
        yield that(deletes, "a Delete of the Child SA, or of its IKE SA").is_present()
        after = trace.packets_after("afterwards")
        yield that(after, "a packet beyond the limit", requirement="RFC7296-2.8-01").is_absent()


def _spi_offered(trace: Trace, mark: str) -> bytes | None:
    """The SPI on which the peer receives, as its request of this mark offered it."""
    offer = trace.marked(mark).find(v2.SecurityAssociation)
    return None if offer.value is None else offer.value.proposals[0].spi


def _pongs_but(trace: Trace, mark: str, *marks: str) -> Observed[tuple[Seen, ...]]:
    """The echo replies after a packet that nobody can open, but for those that answer other packets."""
    answered = {each.number for other in marks for each in trace.pongs_to(other).value or ()}
    return trace.packets_after(mark).then(
        lambda seen: tuple(each for each in seen if each.number not in answered) or None,
        f"no packet answers {mark!r}",
    )


def _asks(seen: Seen) -> bool:
    """Whether a packet holds an echo request."""
    echo = None if seen.packet is None else seen.packet.echo
    return echo is not None and not echo.is_reply


def _ends(payload: object, spi: bytes | None) -> bool:
    """Whether a payload deletes the Child SA that the target receives under this SPI, or the IKE SA."""
    if not isinstance(payload, v2.Delete):
        return False
    return payload.protocol == Protocol.IKE or spi in payload.spis


def _last_bit(packet: bytes) -> bytes:
    return packet[:-1] + bytes([packet[-1] ^ 1])
