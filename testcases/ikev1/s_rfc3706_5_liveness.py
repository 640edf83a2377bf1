"""RFC 3706 sections 5 and 6: R-U-THERE, asked and answered."""

from dataclasses import replace as with_fields
from itertools import pairwise

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Observed,
    Script,
    Trace,
    Weight,
    given,
    that,
)
from harness.codes import Exchange, NotifyTypeV1, Protocol
from harness.profile import Dpd
from harness.sa.v1 import VID_DPD
from harness.wire import Message, replace, v1

SILENCE_S = 2.0
"""How long an answer is waited for that must not come."""
FIRST, OLD = 5_000, 4_000
"""Sequence numbers: one that is taken, and one that lies far behind it."""
WATCHED_S = 6.0
TOP_BIT = 1 << 31


def _probing(configuration: Configuration) -> Configuration:
    return with_fields(configuration, dpd=Dpd(interval=1.0, retry=1.0, retries=10))


def _announced(trace: Trace) -> Observed[v1.VendorId]:
    """The Vendor ID by which the target says that it answers; any minor version will do."""
    return trace.from_target(Exchange.IDENTITY_PROTECTION).then(
        lambda seen: next(
            (
                p
                for s in seen
                for p in s.payloads
                if isinstance(p, v1.VendorId) and p.data.startswith(VID_DPD[:-1])
            ),
            None,
        ),
        "the target never sent the Vendor ID of RFC 3706",
    )


def _acknowledgements(trace: Trace, mark: str) -> Observed[list[v1.Notify]]:
    """Every R-U-THERE-ACK that the target sent after the first frame of this mark."""
    asked = trace.marked(mark)
    return trace.from_target(Exchange.INFORMATIONAL_V1).then(
        lambda seen: (
            [
                p
                for s in seen
                if asked.value is not None and s.number > asked.value.number
                for p in s.payloads
                if isinstance(p, v1.Notify) and p.notify_type == NotifyTypeV1.R_U_THERE_ACK
            ]
            or None
        )
    )


class ChecksAreAnswered(Case):
    """R-U-THERE is answered with R-U-THERE-ACK of the same sequence number, each time."""

    requirements = ("RFC3706-6.1-02", "RFC3706-5.2-05", "RFC3706-5.3-08", "RFC3706-5.3-09")
    deviants = ("v1-acknowledges-another-number", "v1-acknowledges-for-another-protocol")
    needs = frozenset({"v1-main"})
    also = {"spec": ("F13",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        for number in range(3):
            yield alice.dpd(mark=f"check {number}")

    def judge(self, trace: Trace) -> Findings:
        yield given(_announced(trace), "the target's word that it answers").is_present()
        for number in range(3):
            query = trace.marked(f"check {number}").find(v1.Notify, NotifyTypeV1.R_U_THERE)
            if number and not query.present:
                return
            yield given(query, f"liveness check {number + 1}").is_present()
            answer = trace.reply_to(f"check {number}").find(v1.Notify, NotifyTypeV1.R_U_THERE_ACK)
            yield that(answer, f"the answer to liveness check {number + 1}, with its number").is_present()
            yield that(answer.protocol, "its protocol", requirement="RFC3706-5.3-08").equals(
                int(Protocol.IKE)
            )


class OldNumbers(Case):
    """R-U-THERE with a number far behind the last one is not answered."""

    requirements = ("RFC3706-6.2-07", "RFC3706-6.2-06")
    deviants = ("v1-acknowledges-old-numbers",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("F13",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.dpd(sequence=FIRST, mark="check")
        yield alice.dpd(sequence=OLD, mark="probe", hostile=True, due=False, wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("check"), "the answer to a liveness check").is_present()
        yield given(trace.marked("probe"), "a check with an old number").is_present()
        yield that(trace.reply_to("probe"), "the answer to it").is_absent()


class CheckInClear(Case):
    """R-U-THERE in clear is not answered."""

    requirements = ("RFC3706-5.2-06", "RFC2409-5.7-01")
    deviants = ("v1-acknowledges-in-clear",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("F14",), "cve": ("CVE-2009-0790",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield alice.dpd(sealed=False, mark="probe", wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        yield given(trace.marked("probe"), "a liveness check in clear").is_present()
        yield that(_acknowledgements(trace, "probe"), "an R-U-THERE-ACK").is_absent()


def _without_vendor_ids(message: Message) -> Message:
    return replace(message, payloads=tuple(p for p in message.payloads if not isinstance(p, v1.VendorId)))


def _queries(trace: Trace) -> Observed[list[int]]:
    """The sequence numbers of the target's own queries, in their order; repetitions are left out."""
    return trace.from_target(Exchange.INFORMATIONAL_V1).then(
        lambda seen: (
            list(
                dict.fromkeys(
                    int.from_bytes(p.data, "big")
                    for s in seen
                    for p in s.payloads
                    if isinstance(p, v1.Notify) and p.notify_type == NotifyTypeV1.R_U_THERE
                )
            )
            or None
        ),
        "the target asked nothing",
    )


class NoChecksWithoutVendorId(Case):
    """A peer that never sent the Vendor ID of RFC 3706 is asked no R-U-THERE."""

    requirements = ("RFC3706-5.1-02",)
    deviants = ("v1-probes-whom-it-pleases",)
    needs = frozenset({"v1-main"})
    settings = staticmethod(_probing)
    wait_s = WATCHED_S
    also = {"spec": ("F15",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(change=_without_vendor_ids, due=True)
        yield alice.main_mode_3()
        yield alice.main_mode_5(mark="made")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        yield that(_queries(trace), "an R-U-THERE of the target").is_absent()


class ChecksAreNumbered(Case):
    """The target's own R-U-THERE are numbered one by one, from a number on whose top bit is clear."""

    requirements = ("RFC3706-6.2-04", "RFC3706-6.2-03", "RFC3706-6.1-01")
    deviants = ("v1-skips-liveness-numbers",)
    needs = frozenset({"v1-main"})
    settings = staticmethod(_probing)
    wait_s = WATCHED_S
    also = {"spec": ("F13",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="made")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("made").find(v1.Hash), "the ISAKMP SA").is_present()
        numbers = _queries(trace)
        yield given(numbers, "the numbers of its queries").satisfies(lambda ns: len(ns) > 1, "are several")
        yield that(numbers, "the numbers of its queries").satisfies(
            lambda ns: all((b - a) % (1 << 32) == 1 for a, b in pairwise(ns)), "count up one by one"
        )
        yield that(numbers[0], "the first one", requirement="RFC3706-6.2-03", weight=Weight.SHOULD).satisfies(
            lambda number: number < TOP_BIT, "has its top bit clear"
        )
