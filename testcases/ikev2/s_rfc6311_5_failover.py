"""RFC 6311 section 5: a cluster whose standby member takes over, and how it synchronises counters with its peer."""

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
    Weight,
    given,
    protected,
    that,
)
from harness.codes import Exchange, NotifyType
from harness.observe import Observed, Seen
from harness.profile import Cluster
from harness.wire import Message, v2
from harness.wire import replace as replace_message

SETTLED_S = 3.0
SUPPORTED = NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED
SYNC, REPLAY = NotifyType.IKEV2_MESSAGE_ID_SYNC, NotifyType.IPSEC_REPLAY_COUNTER_SYNC


def _clustered(configuration: Configuration) -> Configuration:
    return replace(configuration, cluster=Cluster())


def _synchronisation(trace: Trace) -> Observed[Seen]:
    """The target's first request with IKEV2_MESSAGE_ID_SYNC."""
    return trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
        lambda seen: next((each for each in seen if _notify(each) is not None), None),
        "it synchronised nothing",
    )


def _notify(seen: Seen) -> v2.Notify | None:
    return next((p for p in seen.payloads if isinstance(p, v2.Notify) and p.notify_type == SYNC), None)


def _number(data: Observed[bytes], at: int) -> Observed[int]:
    return data.then(lambda octets: int.from_bytes(octets[at : at + 4], "big") if len(octets) == 12 else None)


class SupportIsEchoedOnly(Case):
    """What can be synchronised is not claimed to a peer that did not claim it."""

    requirements = ("RFC6311-5-01",)
    deviants = ("claims-synchronisation-unasked",)
    settings = staticmethod(_clustered)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(change=_silent, due=True, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("auth")
        yield given(answer.find(v2.Authentication), "the answer to IKE_AUTH").is_present()
        yield that(answer.find(v2.Notify, SUPPORTED), "IKEV2_MESSAGE_ID_SYNC_SUPPORTED").is_absent()


def _silent(message: Message) -> Message:
    """IKE_AUTH without a word of synchronisation."""
    unsaid = (SUPPORTED, NotifyType.IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED)
    kept = (p for p in message.payloads if not (isinstance(p, v2.Notify) and p.notify_type in unsaid))
    return replace_message(message, payloads=tuple(kept))


class _Failover(Case):
    """A cluster of which another member takes over after its peer has asked something."""

    settings = staticmethod(_clustered)
    needs = frozenset({"failover"})
    wait_s = SETTLED_S

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        for _ in range(3):
            yield alice.liveness(mark="before")
        yield from self.before(alice)
        yield Provoke(Trigger.FAILOVER)
        yield Elapse(SETTLED_S)
        yield alice.answers_with()
        yield alice.liveness(mark="alive")

    def before(self, alice: Initiator) -> Script:
        """How the peer is disposed."""
        yield alice.answers_with()

    def premises(self, trace: Trace) -> Findings:
        """That a synchronisation was agreed on and came."""
        yield given(trace.reply_to("auth").find(v2.Notify, SUPPORTED), "support on both ends").is_present()
        yield given(_synchronisation(trace), "the synchronisation of the member that took over").is_present()


class Synchronisation(_Failover):
    """The member asks under Message ID zero, with nothing but the counters, which go on from those that were used."""

    requirements = ("RFC6311-5-06", "RFC6311-5.1-03", "RFC6311-6.3-01", "RFC6311-5.1-10")
    deviants = ("expects-what-was-served",)
    also = {"spec": ("D12",)}

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        asked = _synchronisation(trace)
        yield that(asked.message_id, "its Message ID").equals(0)
        other = asked.then(lambda seen: [p for p in seen.payloads if not _belongs(p)] or None)
        yield that(other, "another payload in it", requirement="RFC6311-5.1-10").is_absent()
        data = asked.then(_notify).data
        yield that(data.then(len), "the octets of its data", requirement="RFC6311-6.3-01").equals(12)
        last = protected(trace.replies_to("before")).message_id
        newest = trace.replies_to("before").then(lambda seen: max(each.message_id or 0 for each in seen))
        yield given(last, "answers to the peer's requests").is_present()
        if newest.present:
            yield that(
                _number(data, 8),
                "the Message ID it expects",
                requirement="RFC6311-5.1-03",
                weight=Weight.SHOULD,
            ).satisfies(lambda number: number > newest.value, f"is above {newest.value}, which was answered")


def _belongs(payload: object) -> bool:
    return isinstance(payload, v2.Notify) and payload.notify_type in (SYNC, REPLAY)


class SaAfterTheFailover(_Failover):
    """After the synchronisation the member serves its peer's next request."""

    requirements = ("RFC6311-9-01", "RFC6311-5-02")
    deviants = ("starts-over-after-the-synchronisation",)

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        answered = trace.marked("alive").then(lambda seen: seen if not seen.hostile else None)
        yield given(answered, "a request after the failover").is_present()
        yield that(protected(trace.replies_to("alive")), "its answer").is_present()


class MessageIdsGoOn(_Failover):
    """The Message ID that the member will use is above all that were used before the failover."""

    requirements = ("RFC6311-5.1-01",)
    deviants = ("synchronises-with-used-message-ids",)
    needs = frozenset({"failover", "hard_expiry"})

    def before(self, alice: Initiator) -> Script:
        """It lets the device ask something of its own: the device deletes a child."""
        yield alice.answers_with()
        yield Provoke(Trigger.HARD_EXPIRY)
        yield Elapse(1.0)

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        asked = _synchronisation(trace)
        used = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: (
                max((e.message_id or 0 for e in seen if e.number < asked.number.value), default=None)
                if asked.present
                else None
            ),
            "it asked nothing before",
        )
        yield given(used, "a request of the device before the failover").is_present()
        if used.present:
            yield that(_number(asked.then(_notify).data, 4), "the Message ID it will use").satisfies(
                lambda number: number > used.value, f"is above {used.value}, which was used"
            )


class AnotherNonce(_Failover):
    """An answer to the synchronisation that has another nonce is dropped, and the member asks again."""

    requirements = ("RFC6311-5.1-09",)
    deviants = ("believes-any-synchronisation",)
    wait_s = SETTLED_S

    def before(self, alice: Initiator) -> Script:
        """Its answers have another nonce."""
        yield alice.answers_with(change=_another_nonce)

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        asked = _synchronisation(trace)
        answers = [
            each
            for each in trace.ike
            if not each.from_target and each.is_response and each.message_id == 0 and each.opened
        ]
        yield given(answers or None, "an answer with another nonce").is_present()
        again = trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: (
                [
                    each
                    for each in seen
                    if answers and each.number > answers[0].number and each.octets == asked.value.octets
                ]
                or None
            )
        )
        yield that(again, "the synchronisation once more").is_present()


def _another_nonce(message: Message) -> Message:
    return replace_message(message, payloads=tuple(map(_turned, message.payloads)))


def _turned(payload: object) -> object:
    if not isinstance(payload, v2.Notify) or payload.notify_type != SYNC:
        return payload
    return replace_message(payload, data=bytes(octet ^ 0xFF for octet in payload.data[:4]) + payload.data[4:])


class _PeerIsACluster(Case):
    """A device whose peer is a cluster and fails over: the peer synchronises."""

    settings = staticmethod(_clustered)
    sends = 40

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.synchronise(self.sends, mark="sync")
        yield alice.liveness(mark="alive")
        yield alice.again("sync", due=False, retransmit=(), wait=2.0, mark="replay")

    def premises(self, trace: Trace) -> Findings:
        """That a synchronisation was agreed on."""
        yield given(trace.reply_to("auth").find(v2.Notify, SUPPORTED), "support on both ends").is_present()


class ClusterIsAnswered(_PeerIsACluster):
    """A peer that synchronises is answered under Message ID zero, with its nonce and no lower Message IDs, and nothing else."""

    requirements = ("RFC6311-5-05", "RFC6311-5.1-06", "RFC6311-5.1-08", "RFC6311-5.1-10", "RFC6311-5.1-11")
    deviants = ("says-more-than-the-synchronisation", "takes-a-synchronisation-for-an-old-request")

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        answer = protected(trace.replies_to("sync"))
        yield that(answer, "the answer to the synchronisation").is_present()
        yield that(answer.message_id, "its Message ID", requirement="RFC6311-5.1-11").equals(0)
        told = answer.then(_notify)
        yield that(told.data.then(lambda d: d[:4]), "its nonce", requirement="RFC6311-5.1-08").equals(b"sync")
        yield that(
            _number(told.data, 8), "the Message ID it expects", requirement="RFC6311-5.1-06"
        ).satisfies(lambda number: number >= self.sends, f"is at least {self.sends}")
        other = answer.then(lambda seen: [p for p in seen.payloads if _notify_of(p) != SYNC] or None)
        yield that(other, "another payload in it", requirement="RFC6311-5.1-10").is_absent()


def _notify_of(payload: object) -> int:
    return payload.notify_type if isinstance(payload, v2.Notify) else 0


class ReplayedSynchronisation(_PeerIsACluster):
    """A synchronisation that was answered before and comes again after later requests is dropped."""

    requirements = ("RFC6311-5.1-05",)
    deviants = ("takes-replayed-synchronisations",)

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        yield given(protected(trace.replies_to("sync")), "the answer to the synchronisation").is_present()
        yield given(protected(trace.replies_to("alive")), "the answer to a later request").is_present()
        yield given(trace.marked("replay"), "the replay").is_present()
        yield that(protected(trace.replies_to("replay")), "an answer to the replay").is_absent()
