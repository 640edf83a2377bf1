"""RFC 7296 sections 2.25, 2.8.1, 2.8.2 and 1.4.1: requests of both ends about the same SA that cross."""

from collections.abc import Iterable

from harness.case import (
    Await,
    Case,
    Elapse,
    Findings,
    Initiator,
    ProfileName,
    Provoke,
    Script,
    Trace,
    Trigger,
    Weight,
    given,
    protected,
    that,
)
from harness.codes import Exchange, NotifyType, Protocol
from harness.observe import Observed, Seen
from harness.wire import Message, Payload, v2

SETTLED_S = 8.0
AT_ONCE_S = 0.25
"""Who asks again sooner than this did not wait."""
BUSY = NotifyType.TEMPORARY_FAILURE


def _requests(
    trace: Trace, *kinds: type, exchange: Exchange = Exchange.CREATE_CHILD_SA
) -> Observed[tuple[Seen, ...]]:
    """The device's own requests of an exchange that have these payloads, the first copy of each."""

    def read(seen: Iterable[Seen]) -> tuple[Seen, ...] | None:
        first: dict[bytes, Seen] = {}
        for each in seen:
            if all(any(isinstance(p, kind) for p in each.payloads) for kind in kinds):
                first.setdefault(each.octets, each)
        return tuple(first.values()) or None

    return trace.from_target(exchange, requests_only=True).then(read, "it asked for no such thing")


def _deletes(trace: Trace, protocol: int) -> Observed[tuple[Seen, ...]]:
    """The device's own Deletes of this protocol."""
    return _requests(trace, v2.Delete, exchange=Exchange.INFORMATIONAL).then(
        lambda seen: (
            tuple(each for each in seen if any(_is_delete(p, protocol) for p in each.payloads)) or None
        ),
        "it deleted nothing",
    )


def _is_delete(payload: object, protocol: int) -> bool:
    return isinstance(payload, v2.Delete) and payload.protocol == protocol


def _asked_for(message: Message) -> bool:
    return not message.is_response and message.exchange == Exchange.CREATE_CHILD_SA


class _WhileAChildIsClosed(Case):
    """A device whose Delete of a child waits, because its peer leaves it unanswered."""

    needs = frozenset({"hard_expiry"})
    wait_s = 2.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        yield alice.ignores("delete")
        yield Provoke(Trigger.HARD_EXPIRY)
        yield Elapse(1.0)
        yield from self.cross(alice)
        yield Elapse(1.0)

    def cross(self, alice: Initiator) -> Script:
        """What the peer asks meanwhile."""
        raise NotImplementedError

    def premises(self, trace: Trace) -> Findings:
        """That the Delete was under way."""
        yield given(_deletes(trace, Protocol.ESP), "the device's Delete of a child").is_present()
        yield given(_deletes(trace, Protocol.IKE), "a Delete of the IKE SA").is_absent()


class RekeyOfAChildThatIsDeleted(_WhileAChildIsClosed):
    """The rekey of a child that the device is deleting is answered with TEMPORARY_FAILURE."""

    requirements = ("RFC7296-2.25.1-01", "RFC7296-2.25-01")
    deviants = ("forgets-what-it-is-deleting",)
    also = {"spec": ("C13",)}

    def cross(self, alice: Initiator) -> Script:
        yield from alice.rekey_child(delete_old=False, mark="rekey")

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        answer = trace.outcome_of("rekey")
        yield given(answer, "an answer to the rekey").is_present()
        busy = answer.find(v2.Notify, BUSY)
        yield that(busy, "TEMPORARY_FAILURE", weight=Weight.SHOULD).is_present()


class CrossingDeletesOfAChild(_WhileAChildIsClosed):
    """The Delete of a child that the device is deleting too is answered without a Delete payload for it."""

    requirements = ("RFC7296-1.4.1-07", "RFC7296-2.25.1-05")
    deviants = ("deletes-what-it-is-deleting",)

    def cross(self, alice: Initiator) -> Script:
        yield alice.delete_child(mark="delete")

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        answer = protected(trace.replies_to("delete"))
        yield that(answer, "the answer to the Delete").is_present()
        yield that(answer.find(v2.Delete), "a Delete payload in it").is_absent()


class IkeRekeyWhileAChildIsDeleted(_WhileAChildIsClosed):
    """The IKE SA is not rekeyed while the device closes a child of it: TEMPORARY_FAILURE."""

    requirements = ("RFC7296-2.25.1-08",)
    deviants = ("rekeys-the-ike-sa-amid-work-on-children",)

    def cross(self, alice: Initiator) -> Script:
        yield from alice.rekey_ike(delete_old=False, mark="rekey")

    def judge(self, trace: Trace) -> Findings:
        yield from self.premises(trace)
        answer = trace.outcome_of("rekey")
        yield given(answer, "an answer to the rekey").is_present()
        yield that(answer.find(v2.Notify, BUSY), "TEMPORARY_FAILURE", weight=Weight.SHOULD).is_present()


class CrossingDeletesOfTheIkeSa(Case):
    """The Delete of an IKE SA that the device is deleting too is answered as usual: by an empty response."""

    requirements = ("RFC7296-2.25.2-05", "RFC7296-1.4.1-09")
    deviants = ("ignores-deletes-while-closing",)
    needs = frozenset({"clear"})
    wait_s = 1.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.ignores("delete")
        yield Provoke(Trigger.CLEAR)
        yield Elapse(1.0)
        yield alice.delete_ike(mark="delete")

    def judge(self, trace: Trace) -> Findings:
        yield given(_deletes(trace, Protocol.IKE), "the device's Delete of the IKE SA").is_present()
        answer = protected(trace.replies_to("delete"))
        yield that(answer, "the answer to the Delete", weight=Weight.SHOULD).is_present()
        inside = answer.then(lambda seen: seen.inner or None)
        yield that(inside, "a payload in it", requirement="RFC7296-1.4.1-09").is_absent()


class _WhileBothRekey(Case):
    """A device that may rekey, at its soft limit, and a peer that does so at the same moment."""

    profile = ProfileName.REKEY_OK
    needs = frozenset({"soft_expiry"})
    wait_s = SETTLED_S


class _BothRekeyOne(_WhileBothRekey):
    """Each end makes a successor of the same SA; the one that the exchange with the lowest nonce made has to go."""

    rekeyed = ""
    """What both rekey."""
    own_has: type[Payload]
    """What tells the device's request to rekey it from others."""

    def deleted(self, trace: Trace) -> Observed[list[bytes]]:
        """The SPIs of the SAs of this kind that the device deletes."""
        raise NotImplementedError

    def judge(self, trace: Trace) -> Findings:
        own = _requests(trace, self.own_has)
        yield given(own, f"the device's own rekey of {self.rekeyed}").is_present()
        asked, answer = trace.marked("rekey"), trace.outcome_of("rekey")
        made = answer.find(v2.SecurityAssociation)
        yield given(made, f"the successor that the peer made of {self.rekeyed}").is_present()
        if not own.present or not made.present:
            return
        request = own.value[0]
        reply = _answer_of_peer(trace, request)
        successor = reply.find(v2.SecurityAssociation)
        yield given(successor, f"the successor that the device made of {self.rekeyed}").is_present()
        crossed = answer.then(lambda seen: seen if seen.number < reply.number.value else None)
        yield given(crossed, "two exchanges that crossed").is_present()
        theirs, ours = _nonces(request, reply), _nonces(asked.value, answer)
        yield given(theirs, "the nonces of the device's exchange").is_present()
        yield given(ours, "the nonces of the peer's exchange").is_present()
        if not (theirs.present and ours.present):
            return
        spi = next(p for p in request.payloads if isinstance(p, v2.SecurityAssociation)).proposals[0].spi
        lost = theirs.value < ours.value
        yield that(self.deleted(trace), "what the device deletes", weight=Weight.SHOULD).satisfies(
            lambda spis: (spi in spis) == lost,
            "has its own successor in it" if lost else "is without its own successor",
        )


def _nonces(request: Seen, answer: Observed[Seen]) -> Observed[bytes]:
    """The lower of the two nonces of an exchange."""
    asked = next((p.data for p in request.payloads if isinstance(p, v2.Nonce)), None)
    return answer.find(v2.Nonce).data.then(lambda said: min(asked, said) if asked is not None else None)


def _answer_of_peer(trace: Trace, request: Seen) -> Observed[Seen]:
    """The peer's first response to a request of the device."""
    found = next(
        (
            each
            for each in trace.ike
            if not each.from_target
            and each.is_response
            and (each.spi_i, each.message_id, each.exchange)
            == (request.spi_i, request.message_id, request.exchange)
            and each.number > request.number
        ),
        None,
    )
    return Observed(found, (request.number,), "the peer did not answer it")


class CrossingRekeysOfAChild(_BothRekeyOne):
    """Of two new children that both ends made of one, the device deletes its own if that has the lowest nonce."""

    requirements = ("RFC7296-2.8.1-03", "RFC7296-2.25.1-03", "RFC7296-2.8.1-04")
    deviants = ("closes-the-child-with-the-highest-nonce",)
    rekeyed, own_has = "the child", v2.TrafficSelectorsI
    also = {"spec": ("C14", "C05")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield Provoke(Trigger.SOFT_EXPIRY)
        yield from alice.rekey_child(mark="rekey")
        yield Elapse(SETTLED_S)

    def deleted(self, trace: Trace) -> Observed[list[bytes]]:
        return _deletes(trace, Protocol.ESP).then(
            lambda seen: [
                s for each in seen for p in each.payloads if isinstance(p, v2.Delete) for s in p.spis
            ]
        )


class CrossingRekeysOfTheIkeSa(_BothRekeyOne):
    """Of two new IKE SAs that both ends made of one, the device deletes its own if that has the lowest nonce."""

    requirements = ("RFC7296-2.8.2-01", "RFC7296-2.25.2-02", "RFC7296-2.25.2-01")
    deviants = ("closes-the-ike-sa-with-the-highest-nonce",)
    rekeyed, own_has = "the IKE SA", v2.KeyExchange
    also = {"spec": ("C15",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(child=False, mark="auth")
        yield Provoke(Trigger.SOFT_EXPIRY)
        yield from alice.rekey_ike(mark="rekey")
        yield Elapse(SETTLED_S)

    def deleted(self, trace: Trace) -> Observed[list[bytes]]:
        return _deletes(trace, Protocol.IKE).then(lambda seen: [each.spi_i for each in seen])


class ChildWhileTheDeviceRekeysTheIkeSa(_WhileBothRekey):
    """A child that the peer asks for while the device rekeys the IKE SA has to wait: TEMPORARY_FAILURE."""

    requirements = ("RFC7296-2.25.2-06",)
    deviants = ("makes-children-amid-its-ike-rekey",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(child=False, mark="auth")
        yield alice.ignores("ike-rekey")
        yield Provoke(Trigger.SOFT_EXPIRY)
        yield Elapse(0.5)
        yield from alice.create_child(mark="child")
        yield alice.answers_again()
        yield Elapse(SETTLED_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(_requests(trace, v2.KeyExchange), "the device's own rekey of the IKE SA").is_present()
        answer = trace.outcome_of("child")
        yield given(answer, "an answer to the request for a child").is_present()
        yield that(answer.find(v2.Notify, BUSY), "TEMPORARY_FAILURE", weight=Weight.SHOULD).is_present()


class BusyPeer(_WhileBothRekey):
    """A device that is told TEMPORARY_FAILURE waits before it asks again."""

    requirements = ("RFC7296-2.25-02", "RFC7296-2.25-03")
    deviants = ("asks-a-busy-peer-again-at-once",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.refuses("child-rekey", BUSY)
        yield Provoke(Trigger.SOFT_EXPIRY)
        yield Await(alice, _asked_for, 5.0)
        yield Elapse(SETTLED_S)

    def judge(self, trace: Trace) -> Findings:
        asked = _requests(trace, v2.TrafficSelectorsI)
        yield given(asked, "the device's rekey of the child").is_present()
        if not asked.present:
            return
        told = _answer_of_peer(trace, asked.value[0])
        yield given(told.find(v2.Notify, BUSY), "the peer's TEMPORARY_FAILURE").is_present()
        if not told.present:
            return
        again = asked.then(lambda seen: seen[1] if len(seen) > 1 else None, "it did not ask again")
        hasty = again.then(lambda seen: seen if seen.time - told.value.time < AT_ONCE_S else None)
        yield that(hasty, "the same request again at once").is_absent()
