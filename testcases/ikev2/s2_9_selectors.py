"""RFC 7296 sections 2.9 and 1.3.1: for what traffic a child is made, and what a peer may wish besides."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Script,
    Trace,
    given,
    refusal,
    that,
)
from harness.codes import NotifyType, TsType
from harness.observe import Observed, Seen
from harness.profile import Selector
from harness.wire import Message, v2
from harness.wire import replace as replace_message

Pair = tuple[str, str]
"""A subnet of the peer's side and one of the target's."""
OTHER = Selector("10.1.0.0/16", "10.2.0.0/16")
INSIDE: Pair = ("203.0.113.7/32", "198.51.100.9/32")
INSIDE_OTHER: Pair = ("10.2.0.7/32", "10.1.0.9/32")
ALL: Pair = ("0.0.0.0/0", "0.0.0.0/0")
NOBODY: Pair = ("192.168.0.0/24", "192.168.1.0/24")


def _two_parts(configuration: Configuration) -> Configuration:
    return replace(configuration, second_selector=OTHER)


def _range(subnet: str) -> v2.TrafficSelector:
    network = ip_network(subnet)
    return v2.TrafficSelector(TsType.TS_IPV4_ADDR_RANGE, 0, 0, 65535, network[0].packed, network[-1].packed)


def proposing(*pairs: Pair) -> Callable[[Message], Message]:
    """A request that proposes this traffic, in this order."""
    sides = {
        v2.TrafficSelectorsI: tuple(_range(mine) for mine, _ in pairs),
        v2.TrafficSelectorsR: tuple(_range(theirs) for _, theirs in pairs),
    }

    def change(message: Message) -> Message:
        kept = (
            replace_message(p, selectors=sides[type(p)]) if type(p) in sides else p for p in message.payloads
        )
        return replace_message(message, payloads=tuple(kept))

    return change


def _side(answer: Observed[Seen], kind: type) -> Observed[tuple[v2.TrafficSelector, ...]]:
    return answer.find(kind).selectors


def _covers(selectors: Iterable[v2.TrafficSelector], subnet: str) -> bool:
    network = ip_network(subnet)
    return any(s.start <= network[0].packed and network[-1].packed <= s.end for s in selectors)


class _Proposal(Case):
    """A peer that proposes certain traffic for a second child."""

    proposed: tuple[Pair, ...]

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(change=proposing(*self.proposed), due=True, mark="child")


class FirstChoicesAreKept(_Proposal):
    """Traffic is narrowed to a subset that has the first choices, where policy allows them."""

    requirements = ("RFC7296-2.9-08", "RFC7296-2.9-03")
    deviants = ("ignores-the-first-choices",)
    settings = staticmethod(_two_parts)
    proposed = (INSIDE_OTHER, ALL)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("child")
        yield given(answer.find(v2.SecurityAssociation), "a child for part of the traffic").is_present()
        for kind, first, name in (
            (v2.TrafficSelectorsI, self.proposed[0][0], "TSi"),
            (v2.TrafficSelectorsR, self.proposed[0][1], "TSr"),
        ):
            yield that(_side(answer, kind), name).satisfies(
                lambda selectors, first=first: _covers(selectors, first), f"has the first choice, {first}"
            )


class NarrowedToPolicy(_Proposal):
    """What a peer proposes beyond the device's policy is left out, and what is left is part of the proposal."""

    requirements = ("RFC7296-2.9-09", "RFC7296-2.9-03")
    deviants = ("takes-any-traffic-selectors",)
    proposed = (NOBODY, ALL)

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("child")
        yield given(refusal(answer), "a refusal for reasons of another policy").is_absent()
        for kind, ours in ((v2.TrafficSelectorsI, "203.0.113.0"), (v2.TrafficSelectorsR, "198.51.100.0")):
            low, high = ip_address(ours).packed, (ip_address(ours) + 255).packed
            yield that(_side(answer, kind), "the traffic agreed on").satisfies(
                lambda selectors, low=low, high=high: (
                    bool(selectors) and all(low <= s.start and s.end <= high for s in selectors)
                ),
                "lies within the subnets that are configured",
            )


class RekeyKeepsItsTraffic(Case):
    """A rekeyed child carries no less than the one that it replaces."""

    requirements = ("RFC7296-2.9.2-03", "RFC7296-2.9.2-01")
    deviants = ("narrows-a-rekeyed-child",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield from alice.rekey_child(delete_old=False, mark="rekey")

    def judge(self, trace: Trace) -> Findings:
        before, after = trace.reply_to("auth"), trace.outcome_of("rekey")
        yield given(refusal(after), "a refusal for reasons of policy").is_absent()
        for kind, name in ((v2.TrafficSelectorsI, "TSi"), (v2.TrafficSelectorsR, "TSr")):
            old = _side(before, kind)
            yield given(old, f"{name} of the child").is_present()
            yield that(_side(after, kind), f"{name} of its successor").equals(old.value)


TRANSPORT = v2.Notify(notify_type=NotifyType.USE_TRANSPORT_MODE)


class TunnelModeUnlessAsked(Case):
    """USE_TRANSPORT_MODE is not in the answer to a peer that did not ask for transport mode."""

    requirements = ("RFC7296-1.3.1-07",)
    deviants = ("insists-on-transport-mode",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(mark="child")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("child")
        yield given(answer.find(v2.SecurityAssociation), "the child").is_present()
        told = answer.find(v2.Notify, NotifyType.USE_TRANSPORT_MODE)
        yield that(told, "USE_TRANSPORT_MODE").is_absent()


class WishesAreNoReasonToRefuse(Case):
    """A wish that the device does not share, for non-first fragments or against TFC padding, costs no child."""

    requirements = ("RFC7296-1.3.1-10", "RFC7296-1.3.1-09")
    deviants = ("refuses-what-it-does-not-support",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(mark="plain")
        wishes = (NotifyType.NON_FIRST_FRAGMENTS_ALSO, NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)
        yield from alice.create_child(*(v2.Notify(notify_type=kind) for kind in wishes), mark="wishes")

    def judge(self, trace: Trace) -> Findings:
        plain = trace.outcome_of("plain").find(v2.SecurityAssociation)
        yield given(plain, "a further child without wishes").is_present()
        answer = trace.outcome_of("wishes")
        yield given(answer.find(v2.Notify, NotifyType.NO_ADDITIONAL_SAS), "NO_ADDITIONAL_SAS").is_absent()
        yield that(answer.find(v2.SecurityAssociation), "a further child with wishes").is_present()
