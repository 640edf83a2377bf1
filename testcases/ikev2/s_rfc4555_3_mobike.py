"""RFC 4555: IKE SAs that move to other addresses, with MOBIKE."""

from collections.abc import Callable
from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Observed,
    ProfileName,
    Provoke,
    Script,
    Seen,
    Steps,
    Trace,
    Trigger,
    Weight,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import Exchange, NotifyType
from harness.peer import Await
from harness.profile import Dpd, Exchanges, Mobility
from harness.sa.v2 import nat_detection
from harness.wire import Message, v2
from harness.wire.datagram import packed

SUPPORTED = NotifyType.MOBIKE_SUPPORTED
COOKIE2 = NotifyType.COOKIE2
LISTS = (
    NotifyType.ADDITIONAL_IP4_ADDRESS,
    NotifyType.ADDITIONAL_IP6_ADDRESS,
    NotifyType.NO_ADDITIONAL_ADDRESSES,
)
CHECKS = Dpd(interval=2.0, retry=1.0, retries=8)
"""Liveness checks of the target: they show where it takes its peer to be."""
CHECKING = Mobility()
"""A peer that moved is asked to answer from there."""
WATCHED_S = 5.0
OURS = ("192.0.2.11", "192.0.2.12")
ANY_OTHER = ("192.0.2.64/26", "127.0.0.0/8")
"""Where peers that move on a link of this bench move to."""


def _notify(kind: int, data: bytes = b"") -> v2.Notify:
    return v2.Notify(notify_type=kind, data=data)


def _mobile(mobility: Mobility) -> Callable[[Configuration], Configuration]:
    return lambda configuration: replace(configuration, mobility=mobility, dpd=CHECKS)


def _own_requests(trace: Trace, after: str) -> Observed[tuple[Seen, ...]]:
    """The requests that the target sent by itself after the first answer to a mark."""
    answer = trace.reply_to(after)
    if not answer.present:
        return Observed(None, answer.frames, answer.why, answer.doubt)
    return trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
        lambda seen: tuple(each for each in seen if each.number > answer.frames[-1]) or None,
        "it sent no request of its own after that",
    )


def _places(requests: Observed[tuple[Seen, ...]]) -> Observed[set[str]]:
    """The addresses that requests were sent to."""
    return requests.then(lambda seen: {each.destination.address for each in seen})


class _Mobile(Case):
    """A client that has MOBIKE, and another address."""

    needs = frozenset({"mobike", "second-address"})
    settings = staticmethod(_mobile(CHECKING))

    def connects(self, alice: Initiator) -> Steps:
        """IKE_SA_INIT and IKE_AUTH with MOBIKE_SUPPORTED."""
        yield from alice.ike_sa_init()
        return (yield alice.ike_auth_mobile(mark="auth"))

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield given(auth.find(v2.Notify, SUPPORTED), "MOBIKE of both ends").is_present()

    def stays(self, trace: Trace, mark: str) -> Findings:
        """What follows goes to where the client was when it authenticated, and nowhere else."""
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        own = _own_requests(trace, mark)
        yield given(own, "a request of the target's own after that").is_present()
        yield that(_places(own), "where it is sent").equals({trace.marked("auth").source.value[0]})

    def moves(self, trace: Trace, mark: str) -> Findings:
        """What follows goes to where the request of this mark came from, and nowhere else."""
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        own = _own_requests(trace, mark)
        yield given(own, "a request of the target's own after that").is_present()
        yield that(_places(own), "where it is sent").equals({trace.marked(mark).source.value[0]})


class MobikeIsAnswered(_Mobile):
    """A responder that has MOBIKE says so, without data, to a peer that says so with or without."""

    requirements = ("RFC4555-3.2-01", "RFC4555-4.2.1-01", "RFC4555-4.2.1-02")
    deviants = ("says-nothing-of-mobike", "says-mobike-with-data")
    needs = frozenset({"mobike"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(_notify(SUPPORTED, bytes(16)), mark="auth")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.SecurityAssociation), "the Child SA").is_present()
        told = auth.find(v2.Notify, SUPPORTED)
        yield that(told, "MOBIKE_SUPPORTED").is_present()
        yield that(told.data, "its data", requirement="RFC4555-4.2.1-01").equals(b"")


class MobikeIsNotOffered(_Mobile):
    """A responder says nothing of MOBIKE to a peer that does not."""

    requirements = ("RFC4555-3.2-01",)
    deviants = ("offers-mobike-to-everybody",)
    needs = frozenset({"mobike"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        yield that(auth.find(v2.Notify, SUPPORTED), "MOBIKE_SUPPORTED").is_absent()


class PeerMoves(_Mobile):
    """By UPDATE_SA_ADDRESSES an IKE SA moves to where it came from; NAT detection there and COOKIE2 are answered."""

    requirements = ("RFC4555-3.5-06", "RFC4555-3.5-07", "RFC4555-3.7-06")
    deviants = ("stays-where-it-was", "detects-nats-on-the-old-path", "forgets-cookie2")
    also = {"spec": ("G09",)}
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.moves()
        yield alice.update_addresses(_notify(COOKIE2, b"a cookie of hers"), mark="update")
        yield Elapse(WATCHED_S)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        asked, answer = trace.marked("update"), protected(trace.replies_to("update"))
        yield given(answer, "an answer to UPDATE_SA_ADDRESSES").is_present()
        refused = answer.find(v2.Notify, NotifyType.UNACCEPTABLE_ADDRESSES)
        yield given(refused, "a refusal by policy").is_absent()
        cookie = answer.find(v2.Notify, COOKIE2)
        yield that(cookie.data, "COOKIE2", requirement="RFC4555-3.7-06").equals(b"a cookie of hers")
        there, spis = asked.source.value, (asked.spi_i.value, asked.spi_r.value)
        if asked.find(v2.Notify, NotifyType.NAT_DETECTION_DESTINATION_IP).present:
            seen_at = answer.all(v2.Notify, NotifyType.NAT_DETECTION_DESTINATION_IP)[0].data
            right = nat_detection(*spis, *there)
            yield that(seen_at, "NAT detection of the new address", requirement="RFC4555-3.5-07").equals(
                right
            )
        yield from self.moves(trace, "update")
        yield that(protected(trace.replies_to("alive")), "a sign of life from there").is_present()


class PathTestMovesNothing(_Mobile):
    """An INFORMATIONAL from another address is answered there and moves nothing, if it has no UPDATE_SA_ADDRESSES."""

    requirements = ("RFC4555-3.8-06", "RFC4555-3.5-01")
    deviants = ("follows-any-request",)
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.from_elsewhere(alice.liveness(mark="test"))
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        asked, answer = trace.marked("test"), protected(trace.replies_to("test"))
        yield given(answer, "an answer to the path test").is_present()
        yield that(answer.destination, "where it went").equals(asked.source.value)
        yield from self.stays(trace, "test")


class Cookie2ComesBack(_Mobile):
    """COOKIE2, short or long, comes back unchanged in the answer to an INFORMATIONAL."""

    requirements = ("RFC4555-3.7-06",)
    deviants = ("forgets-cookie2", "shortens-cookie2")
    needs = frozenset({"mobike"})

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        for size in (8, 64):
            yield alice.informational(_notify(COOKIE2, bytes(range(size))), mark=f"{size} octets")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        for size in (8, 64):
            answer = protected(trace.replies_to(f"{size} octets"))
            yield given(answer, f"an answer to COOKIE2 of {size} octets").is_present()
            told = answer.find(v2.Notify, COOKIE2).data
            yield that(told, f"COOKIE2 of {size} octets").equals(bytes(range(size)))


class NatDetectionIsAnswered(_Mobile):
    """NAT detection in an INFORMATIONAL is answered by NAT detection."""

    requirements = ("RFC4555-3.8-02",)
    deviants = ("forgets-nat-detection",)
    needs = frozenset({"mobike"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth_mobile(mark="auth")
        yield alice.informational(*alice.nat_notifies(alice.ike), mark="detects")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        detects = trace.outcome_of("init").find(v2.Notify, NotifyType.NAT_DETECTION_SOURCE_IP)
        yield given(detects, "NAT traversal of both ends").is_present()
        answer = protected(trace.replies_to("detects"))
        yield given(answer, "an answer to NAT detection").is_present()
        for kind in (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP):
            yield that(answer.find(v2.Notify, kind), kind.name).is_present()


class WrongCookie2(_Mobile):
    """A COOKIE2 that comes back altered from a new address ends the IKE SA."""

    requirements = ("RFC4555-3.7-08", "RFC4555-3.7-07")
    deviants = ("takes-any-cookie2",)
    also = {"spec": ("G10",)}
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.moves()
        yield alice.answers_with(inner=(_notify(COOKIE2, b"what nobody sent"),))
        yield alice.update_addresses(mark="update")
        yield Elapse(WATCHED_S)
        yield alice.answers_with()
        yield Elapse(WATCHED_S)
        yield alice.liveness(due=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        check = _own_requests(trace, "update").among(v2.Notify, COOKIE2)
        yield given(check, "a check of the new address by COOKIE2").is_present()
        yield given(trace.marked("probe"), "a question after that").is_present()
        yield that(protected(trace.replies_to("probe")), "a sign of life on the IKE SA").is_absent()


class ForbiddenAddress(_Mobile):
    """To an address that policy forbids nothing moves, and the peer is told UNACCEPTABLE_ADDRESSES."""

    requirements = ("RFC4555-3.5-05", "RFC4555-4.1.1-01")
    deviants = ("moves-anywhere",)
    settings = staticmethod(_mobile(Mobility(refused=ANY_OTHER)))
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.from_elsewhere(alice.update_addresses(mark="update"))
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = protected(trace.replies_to("update"))
        yield given(answer, "an answer to UPDATE_SA_ADDRESSES").is_present()
        refused = answer.find(v2.Notify, NotifyType.UNACCEPTABLE_ADDRESSES)
        yield that(refused, "UNACCEPTABLE_ADDRESSES").is_present()
        yield that(refused.data, "its data", requirement="RFC4555-4.1.1-01").equals(b"")
        yield from self.stays(trace, "update")


class ForbiddenNat(_Mobile):
    """An update whose NO_NATS_ALLOWED is not what its IP header says gets UNEXPECTED_NAT_DETECTED, and moves nothing."""

    requirements = ("RFC4555-3.9-02", "RFC4555-3.9-03")
    deviants = ("ignores-no-nats-allowed",)
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.from_elsewhere(alice.update_addresses(nat_detection=False, mark="update"))
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        asked, answer = trace.marked("update"), protected(trace.replies_to("update"))
        yield given(answer, "an answer to UPDATE_SA_ADDRESSES").is_present()
        found = answer.find(v2.Notify, NotifyType.UNEXPECTED_NAT_DETECTED)
        yield that(found, "UNEXPECTED_NAT_DETECTED").is_present()
        yield that(answer.destination, "where it went", requirement="RFC4555-3.9-03").equals(
            asked.source.value
        )
        yield from self.stays(trace, "update")


class OlderUpdate(_Mobile):
    """An UPDATE_SA_ADDRESSES that comes behind a newer one is answered, and moves nothing."""

    requirements = ("RFC4555-3.5-04",)
    deviants = ("heeds-older-updates",)
    wait_s = WATCHED_S

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        return replace(_mobile(CHECKING)(configuration), exchanges=Exchanges(window=2))

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.from_elsewhere(alice.update_addresses(ahead=1, mark="newer"))
        yield alice.update_addresses(mark="older")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(protected(trace.replies_to("newer")), "an answer to the newer update").is_present()
        yield that(protected(trace.replies_to("older")), "an answer to the older one").is_present()
        own = _own_requests(trace, "older")
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        yield given(own, "a request of the target's own after that").is_present()
        last = own.then(lambda seen: seen[-1].destination.address)
        yield that(last, "where the last of them is sent").equals(trace.marked("newer").source.value[0])


class PacketsWaitForTheCheck(_Mobile):
    """Packets go to a new address only when the peer has answered from there."""

    requirements = ("RFC4555-3.7-03", "RFC4555-3.7-01")
    deviants = ("moves-packets-before-the-check",)
    needs = frozenset({"mobike", "second-address", "matching_traffic", "data", "esp"})
    also = {"spec": ("G09",)}

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.ping(mark="ping")
        yield alice.ignores("informational", "liveness")
        yield alice.moves()
        yield alice.update_addresses(mark="update")
        yield Provoke(Trigger.MATCHING_TRAFFIC)
        yield Elapse(1.0)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(protected(trace.replies_to("update")), "an answer to UPDATE_SA_ADDRESSES").is_present()
        there = trace.marked("update").source.value[0]
        checked = _own_requests(trace, "update").then(
            lambda seen: [s for s in seen if s.destination.address == there] or None,
            "none goes to the new address",
        )
        yield given(checked, "a check of the new address").is_present()
        packets = trace.packets_after("update")
        yield given(packets, "a packet for the peer").is_present()
        early = packets.then(
            lambda seen: [p for p in seen if p.destination.address == there] or None, "none goes there"
        )
        yield that(
            early, "a packet to the new address before that has answered", weight=Weight.SHOULD
        ).is_absent()


class ListedAddressesAreNotUsed(_Mobile):
    """A list of further addresses is answered, and nothing goes to them because of it."""

    requirements = ("RFC4555-3.4-03", "RFC4555-3.6-03")
    deviants = ("goes-where-the-peer-only-might-be",)
    needs = frozenset({"mobike"})
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield alice.tell_addresses("192.0.2.201", "2001:db8::201", mark="list")
        yield Elapse(WATCHED_S)

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        answer = protected(trace.replies_to("list"))
        yield that(answer, "an answer to the list", requirement="RFC4555-3.6-03").is_present()
        yield from self.stays(trace, "list")


def _tells(message: Message) -> bool:
    """Whether a message lists addresses."""
    return any(message.find(v2.Notify, kind) is not None for kind in LISTS)


class _TargetMoves(_Mobile):
    """The target's address changes; it has two others."""

    needs = frozenset({"mobike", "address_change", "many-addresses"})
    settings = staticmethod(_mobile(Mobility(additional=OURS)))
    wait_s = WATCHED_S

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield Provoke(Trigger.ADDRESS_CHANGE)
        yield Elapse(WATCHED_S)


class TargetTellsItsAddresses(_TargetMoves):
    """A responder that tells of a new address sends from there, and lists those alone that it has besides."""

    requirements = ("RFC4555-3.6-08",)
    deviants = ("lists-the-address-that-it-sends-from",)
    also = {"spec": ("E18", "G11")}

    def script(self, alice: Initiator) -> Script:
        yield from self.connects(alice)
        yield Provoke(Trigger.ADDRESS_CHANGE)
        yield Await(alice, _tells, WATCHED_S)
        yield alice.follows_target()
        yield alice.update_addresses(mark="update")
        yield Elapse(WATCHED_S)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        told = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: next((s for s in seen if s.message is not None and _lists(s)), None),
            "none lists addresses",
        )
        yield given(told, "an INFORMATIONAL that lists addresses").is_present()
        yield given(
            told.source.address.then(lambda a: a in OURS or None, "it is the old one"), "a new address"
        ).is_present()
        itself = told.then(
            lambda s: [n for n in s.payloads if getattr(n, "data", b"") == packed(s.source.address)] or None,
            "it is not in the list",
        )
        yield that(itself, "the address that it is sent from, in the list").is_absent()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        alive = protected(trace.replies_to("alive"))
        yield given(alive, "a sign of life at the new address").is_present()


def _lists(seen: Seen) -> bool:
    return any(isinstance(each, v2.Notify) and each.notify_type in LISTS for each in seen.payloads)


class TargetStartsNothingAnew(_TargetMoves):
    """A responder whose address changes starts no IKE SA and no Child SA from the new one."""

    requirements = ("CISCO-RO-19", "CISCO-RO-39")
    deviants = ("starts-on-address-change",)
    subject = "INV-01"
    also = {"spec": ("E18",)}

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.observations("provoke"), "a change of the target's address").is_present()


class ResponderDoesNotDecide(_TargetMoves):
    """Where packets go is decided by the original initiator: a responder sends no UPDATE_SA_ADDRESSES."""

    requirements = ("RFC4555-3.5-01",)
    deviants = ("decides-as-responder-where-packets-go",)
    also = {"spec": ("E18",)}

    def judge(self, trace: Trace) -> Findings:
        yield from super().judge(trace)
        yield given(trace.observations("provoke"), "a change of the target's address").is_present()
        own = trace.from_target(Exchange.INFORMATIONAL, requests_only=True)
        yield that(own.among(v2.Notify, NotifyType.UPDATE_SA_ADDRESSES), "UPDATE_SA_ADDRESSES").is_absent()


class OriginalInitiatorMoves(_TargetMoves):
    """A two-way device moves the IKE SA that it made by UPDATE_SA_ADDRESSES from its new address, without data."""

    requirements = ("RFC4555-3.5-13",)
    deviants = ("only-lists-where-it-should-move",)
    needs = frozenset({"mobike", "address_change", "operator_initiate", "two-way", "many-addresses"})
    profile = ProfileName.TWO_WAY

    def script(self, alice: Initiator) -> Script:
        yield Provoke(Trigger.OPERATOR_INITIATE)
        yield Elapse(WATCHED_S)
        yield Provoke(Trigger.ADDRESS_CHANGE)
        yield Elapse(WATCHED_S)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        offered = trace.from_target(Exchange.IKE_AUTH, requests_only=True).among(v2.Notify, SUPPORTED)
        yield given(offered, "MOBIKE_SUPPORTED in the target's IKE_AUTH").is_present()
        yield given(protected(trace.replies_to("alive")), "the IKE SA at the end").is_present()
        own = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: tuple(s for s in seen if s.source.address in OURS) or None,
            "none came from a new address",
        )
        yield given(own, "a request from a new address").is_present()
        update = own.among(v2.Notify, NotifyType.UPDATE_SA_ADDRESSES)
        yield that(update, "UPDATE_SA_ADDRESSES").is_present()
        yield that(update.data, "its data").equals(b"")
