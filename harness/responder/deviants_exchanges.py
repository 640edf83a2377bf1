"""Deviants of IKEv2 exchanges: windows, collisions, fragments, traffic selectors, failover."""

from collections.abc import Sequence
from typing import Any

from harness.codes import Exchange, NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.rules import HONEST
from harness.responder.state import ChildSa, IkeSa, Outstanding, State
from harness.responder.step import Step, drop
from harness.responder.table import Rules
from harness.responder.v2 import children, failover, fragments, guards, informational, selectors, window
from harness.responder.v2.failover import Counters
from harness.responder.v2.messages import refuse, respond
from harness.responder.v2.own import answered, begin
from harness.values import replace
from harness.wire import replace as replace_payload
from harness.wire import v2

CREATE, INFORMATIONAL = Exchange.CREATE_CHILD_SA, Exchange.INFORMATIONAL


# Windows: RFC 7296 section 2.3.


@deviant("keeps-to-one-in-spite-of-its-promise", "RFC7296-2.3-10")
def _narrow_window() -> Rules:
    """Promises to keep several requests and serves none but the next one."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        return guards.sealed_in_window(context, replace(sa, promised=1), incoming)

    return HONEST.but("guards", "sealed_in_window", guard)


@deviant("forgets-all-but-the-last-response", "RFC7296-2.3-09")
def _forgetful() -> Rules:
    """Repeats the response to the request it served last, and to no other that it promised to keep."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        if sa.served and incoming.message.message_id in {each.message_id for each in sa.served[:-1]}:
            return drop("forgotten")
        return guards.sealed_repeated(context, sa, incoming)

    return HONEST.but("guards", "sealed_repeated", guard)


@deviant("tells-of-its-window-in-one-octet", "RFC7296-2.3-01")
def _short_size() -> Rules:
    """Sends SET_WINDOW_SIZE with one octet of data."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
        after, told = window.window_promised(context, sa, request)
        return after, tuple(replace_payload(notify, data=notify.data[-1:]) for notify in told)

    return HONEST.but("extensions", ("auth", "window_promised"), extension)


@deviant("exceeds-the-peers-window", "RFC7296-2.3-06")
def _hasty() -> Rules:
    """Takes a window of two for one of fifty."""

    def decision(context: Context, sa: IkeSa, told: v2.Notify) -> IkeSa:
        return replace(sa, window=50)

    return HONEST.but("decisions", "heed_window_size", decision)


@deviant("acknowledges-invalid-message-ids", "RFC7296-2.3-14")
def _acknowledges() -> Rules:
    """Answers a request outside the window with INVALID_MESSAGE_ID, in a response."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        outcome = guards.sealed_in_window(context, sa, incoming)
        if outcome is None or incoming.message.message_id < sa.expected:
            return outcome
        data = incoming.message.message_id.to_bytes(4, "big")
        return replace(refuse(context, sa, incoming, NotifyType.INVALID_MESSAGE_ID, data), changed=())

    return HONEST.but("guards", "sealed_in_window", guard)


# Collisions: RFC 7296 sections 1.4.1, 2.8.1, 2.8.2 and 2.25.


@deviant("forgets-what-it-is-deleting", "RFC7296-2.25.1-01")
def _forgets_half_closed() -> Rules:
    """Says of a child that it is deleting that it is not there."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        bare = replace(sa, half_closed=(), outstanding=())
        return children.answer_create_child_sa(context, bare, request)

    return HONEST.but("requests", (State.ESTABLISHED, CREATE), cell)


@deviant("deletes-what-it-is-deleting", "RFC7296-1.4.1-07")
def _deletes_twice() -> Rules:
    """Answers the Delete of a child that it is deleting itself with another Delete."""

    def decision(
        context: Context, sa: IkeSa, deletes: tuple[v2.Delete, ...]
    ) -> tuple[IkeSa, tuple[Any, ...]]:
        whole = replace(sa, children=(*sa.children, *sa.half_closed))
        after, ours = informational.delete_children(context, whole, deletes)
        kept = tuple(child for child in after.children if child in sa.children)
        return replace(after, children=kept), ours

    return HONEST.but("decisions", "delete_children", decision)


@deviant("ignores-deletes-while-closing", "RFC7296-2.25.2-05")
def _deaf_while_closing() -> Rules:
    """Answers nothing on an IKE SA whose Delete it has sent."""
    return HONEST.but("requests", (State.CLOSING, INFORMATIONAL), lambda *_: drop("it is being closed"))


@deviant("closes-the-child-with-the-highest-nonce", "RFC7296-2.8.1-03")
def _highest_nonce() -> Rules:
    """After a collision of rekeys keeps the child that should go, and closes its own where that should stay."""

    def decision(context: Context, sa: IkeSa, asked: Outstanding, ours: ChildSa, lower: bytes) -> IkeSa:
        honest = HONEST.decisions["settle_child_rekey"]
        if asked.rival is not None:
            lower = b"\xff" * 33 if lower < asked.rival.nonce else b""
        settled: IkeSa = honest(context, sa, asked, ours, lower)
        return settled

    return HONEST.but("decisions", "settle_child_rekey", decision)


@deviant("closes-the-ike-sa-with-the-highest-nonce", "RFC7296-2.8.2-01")
def _highest_nonce_of_all() -> Rules:
    """After a collision of rekeys of the IKE SA deletes its own new one only if that should stay."""

    def decision(context: Context, sa: IkeSa, ours: IkeSa, lower: bytes) -> Step:
        rivals = [each.rival for each in sa.outstanding if each.rival is not None]
        turned = (b"\xff" * 33 if lower < rivals[0].nonce else b"") if rivals else lower
        settled: Step = HONEST.decisions["settle_ike_rekey"](context, sa, ours, turned)
        return settled

    return HONEST.but("decisions", "settle_ike_rekey", decision)


@deviant("asks-a-busy-peer-again-at-once", "RFC7296-2.25-02")
def _impatient() -> Rules:
    """Makes the same request again as soon as TEMPORARY_FAILURE has come."""
    honest = HONEST.responses[State.ESTABLISHED, CREATE]

    def cell(context: Context, sa: IkeSa, response: Incoming) -> Step:
        asked = sa.asked(response.message.message_id)
        if asked is None or response.find(v2.Notify, NotifyType.TEMPORARY_FAILURE) is None or asked.own.tries:
            return honest(context, sa, response)
        again = replace(asked.own, tries=1)
        step = answered(context, Step(changed=(sa,)), response)
        after = step.changed[0]
        assert isinstance(after, IkeSa)
        return step.then(begin(context, after, again))

    return HONEST.but("responses", (State.ESTABLISHED, CREATE), cell)


@deviant("rekeys-the-ike-sa-amid-work-on-children", "RFC7296-2.25.1-08")
def _rekeys_amid() -> Rules:
    """Lets the peer rekey the IKE SA while its own request about a child waits."""

    def decision(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return children.rekey_ike_sa(context, replace(sa, outstanding=(), queue=()), request)

    return HONEST.but("decisions", "rekey_ike_sa", decision)


@deviant("makes-children-amid-its-ike-rekey", "RFC7296-2.25.2-06")
def _children_amid() -> Rules:
    """Makes and rekeys children while its own rekey of the IKE SA waits."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return children.answer_create_child_sa(context, replace(sa, outstanding=()), request)

    return HONEST.but("requests", (State.ESTABLISHED, CREATE), cell)


# Traffic selectors and modes: RFC 7296 sections 1.3.1 and 2.9.


@deviant("ignores-the-first-choices", "RFC7296-2.9-08")
def _last_choice() -> Rules:
    """Narrows to the last part of its policy that a proposal touches, whatever the first selectors are."""

    def decision(
        context: Context,
        sa: IkeSa,
        tsi: Sequence[v2.TrafficSelector],
        tsr: Sequence[v2.TrafficSelector],
        old: ChildSa | None,
    ) -> selectors.Agreed | NotifyType:
        return selectors.agree_selectors(context, sa, tsi[::-1], tsr[::-1], old)

    return HONEST.but("decisions", "agree_selectors", decision)


@deviant("narrows-a-rekeyed-child", "RFC7296-2.9.2-03")
def _narrows_rekeys() -> Rules:
    """Gives the successor of a child half of its addresses."""

    def decision(
        context: Context,
        sa: IkeSa,
        tsi: Sequence[v2.TrafficSelector],
        tsr: Sequence[v2.TrafficSelector],
        old: ChildSa | None,
    ) -> selectors.Agreed | NotifyType:
        agreed = selectors.agree_selectors(context, sa, tsi, tsr, old)
        if old is None or not isinstance(agreed, selectors.Agreed):
            return agreed
        half = tuple(replace(each, end=each.start) for each in agreed.remote)
        return replace(agreed, remote=half)

    return HONEST.but("decisions", "agree_selectors", decision)


@deviant("insists-on-transport-mode", "RFC7296-1.3.1-07")
def _insists_on_transport() -> Rules:
    """Says USE_TRANSPORT_MODE to peers that did not ask for it."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        mode = v2.Notify(notify_type=NotifyType.USE_TRANSPORT_MODE)
        policy = replace(context.configuration.children, transport=True)
        insisting = replace(context, configuration=replace(context.configuration, children=policy))
        asked = replace(request, payloads=(*request.payloads, mode))
        return children.answer_create_child_sa(insisting, sa, asked)

    return HONEST.but("requests", (State.ESTABLISHED, CREATE), cell)


@deviant("refuses-what-it-does-not-support", "RFC7296-1.3.1-10")
def _refuses_wishes() -> Rules:
    """Refuses a child because of a notify that it could have passed over in silence."""
    wishes = (NotifyType.NON_FIRST_FRAGMENTS_ALSO, NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED)

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        if any(request.find(v2.Notify, wish) is not None for wish in wishes):
            return refuse(context, sa, request, NotifyType.NO_PROPOSAL_CHOSEN)
        return children.answer_create_child_sa(context, sa, request)

    return HONEST.but("requests", (State.ESTABLISHED, CREATE), cell)


# Fragments: RFC 7383.


def _opens(bent: Any) -> Rules:
    """The honest table in which fragments of requests are passed to `bent` before they are gathered."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | Incoming:
        outer = fragments.outer_fragment(incoming)
        outcome = None if outer is None else bent(context, sa, incoming, outer)
        return guards.sealed_opens(context, sa, incoming) if outcome is None else outcome

    return HONEST.but("guards", "sealed_opens", guard)


def _before(sa: IkeSa, incoming: Incoming) -> Any:
    return next((each for each in sa.gathered if each.message_id == incoming.message.message_id), None)


@deviant("drops-all-fragments", "RFC7383-2.6-08")
def _no_fragments() -> Rules:
    """Says that it supports fragmentation, and drops every fragment."""
    return _opens(lambda *_: drop("a fragment"))


@deviant("takes-a-fragment-for-two", "RFC7383-2.6-04")
def _twice() -> Rules:
    """Takes a fragment that comes again for another one, and the message for malformed."""

    def bent(context: Context, sa: IkeSa, incoming: Incoming, outer: v2.EncryptedFragment) -> Step | None:
        before = _before(sa, incoming)
        if before is None or all(piece.number != outer.number for piece in before.pieces):
            return None
        return replace(refuse(context, sa, incoming, NotifyType.INVALID_SYNTAX), changed=())

    return _opens(bent)


@deviant("wants-fragments-in-order", "RFC7383-2.6-07")
def _in_order() -> Rules:
    """Drops a fragment before which another one has not come yet."""

    def bent(context: Context, sa: IkeSa, incoming: Incoming, outer: v2.EncryptedFragment) -> Step | None:
        before = _before(sa, incoming)
        have = 0 if before is None else len(before.pieces)
        return drop("not its turn") if outer.number > have + 1 else None

    return _opens(bent)


@deviant("spoiled-by-a-forged-fragment", "RFC7383-2.6-05")
def _spoiled() -> Rules:
    """Throws away what it has gathered when a fragment comes whose ICV does not hold."""

    def bent(context: Context, sa: IkeSa, incoming: Incoming, outer: v2.EncryptedFragment) -> Step | None:
        outcome = guards.sealed_opens(context, sa, incoming)
        forged = isinstance(outcome, Step) and (outcome.drop or "").startswith("does not open")
        return Step(changed=(replace(sa, gathered=()),)) if forged else None

    return _opens(bent)


@deviant("keeps-to-the-smaller-set", "RFC7383-2.6-06")
def _first_set() -> Rules:
    """Drops fragments of a larger set while a smaller one is not whole."""

    def bent(context: Context, sa: IkeSa, incoming: Incoming, outer: v2.EncryptedFragment) -> Step | None:
        before = _before(sa, incoming)
        return drop("of another set") if before is not None and outer.total > before.total else None

    return _opens(bent)


@deviant("takes-a-smaller-set", "RFC7383-2.6-03")
def _any_set() -> Rules:
    """Begins a message anew with whatever set of fragments came last, be it the smaller one."""

    def bent(
        context: Context, sa: IkeSa, incoming: Incoming, outer: v2.EncryptedFragment
    ) -> Step | Incoming | None:
        before = _before(sa, incoming)
        if before is None or outer.total >= before.total:
            return None
        return guards.sealed_opens(context, replace(sa, gathered=()), incoming)

    return _opens(bent)


@deviant("answers-any-repeated-fragment", "RFC7383-2.6.1-02")
def _any_repeat() -> Rules:
    """Sends its response again for every fragment of a request that it answered."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        served = sa.answer_to(incoming.message.message_id)
        if served is not None and fragments.outer_fragment(incoming) is not None:
            return Step(send=tuple(map(incoming.reply, served.response)))
        return guards.sealed_repeated(context, sa, incoming)

    return HONEST.but("guards", "sealed_repeated", guard)


@deviant("announces-fragmentation-unasked", "RFC7383-2.3-02")
def _announces() -> Rules:
    """Says that it supports fragmentation to peers that did not say so, and uses it."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
        return replace(sa, fragments=True), fragments.supported(context)

    return HONEST.but("extensions", ("init", "fragmentation_supported"), extension)


@deviant("fragments-uninvited", "RFC7383-2.4-01")
def _uninvited() -> Rules:
    """Sends its larger responses in fragments to peers that never spoke of fragmentation."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
        told = fragments.supported(context) if fragments.agreed(context, request) else ()
        return replace(sa, fragments=True), told

    return HONEST.but("extensions", ("init", "fragmentation_supported"), extension)


# Failover: RFC 6311.


@deviant("claims-synchronisation-unasked", "RFC6311-5-01")
def _claims() -> Rules:
    """Says what it can synchronise to peers that did not."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
        return failover.agree(context, sa, request), failover.supported(context)

    return HONEST.but("extensions", ("auth", "synchronisation_supported"), extension)


@deviant("synchronises-with-used-message-ids", "RFC6311-5.1-01")
def _used_ids() -> Rules:
    """After a failover goes on with a Message ID that was used before."""

    def decision(context: Context, sa: IkeSa, nonce: bytes) -> Counters:
        return Counters(nonce, max(sa.next_own - 1, 0), sa.expected)

    return HONEST.but("decisions", "counters_to_tell", decision)


@deviant("expects-what-was-served", "RFC6311-5.1-03")
def _behind() -> Rules:
    """After a failover tells the peer that it expects a request that it has served."""

    def decision(context: Context, sa: IkeSa, nonce: bytes) -> Counters:
        honest = failover.counters_to_tell(context, sa, nonce)
        return replace(honest, expects=honest.expects - 1)

    return HONEST.but("decisions", "counters_to_tell", decision)


@deviant("believes-any-synchronisation", "RFC6311-5.1-09")
def _believes_sync() -> Rules:
    """Takes the answer to its synchronisation whatever nonce it has."""
    honest = HONEST.responses[State.ESTABLISHED, INFORMATIONAL]

    def cell(context: Context, sa: IkeSa, response: Incoming) -> Step:
        asked = sa.asked(response.message.message_id)
        said = failover.read_counters(response.payloads)
        if asked is None or asked.own.kind != "synchronise" or said is None:
            return honest(context, sa, response)
        own = failover.read_counters((failover.as_notify(asked.own.data),))
        turned = said if own is None else replace(said, nonce=own.nonce)
        return honest(context, sa, replace(response, payloads=(turned.notify(),)))

    return HONEST.but("responses", (State.ESTABLISHED, INFORMATIONAL), cell)


@deviant("takes-replayed-synchronisations", "RFC6311-5.1-05")
def _replayable() -> Rules:
    """Obeys a cluster's synchronisation however old it is."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        gullible = replace(context, rules=context.rules.but("decisions", "is_news", lambda *_: True))
        return guards.sealed_synchronisation(gullible, replace(sa, synchronised=None), incoming)

    return HONEST.but("guards", "sealed_synchronisation", guard)


@deviant("says-more-than-the-synchronisation", "RFC6311-5.1-10")
def _talkative() -> Rules:
    """Answers a cluster's synchronisation with a status notify beside the counters."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        step = guards.sealed_synchronisation(context, sa, incoming)
        if step is None or not step.changed:
            return step
        after = step.changed[0]
        assert isinstance(after, IkeSa)
        told = failover.Counters(bytes(4), after.next_own, after.expected).notify()
        more = v2.Notify(notify_type=NotifyType.ADDITIONAL_TS_POSSIBLE)
        return replace(respond(context, after, incoming, told, more), changed=step.changed)

    return HONEST.but("guards", "sealed_synchronisation", guard)


@deviant("starts-over-after-the-synchronisation", "RFC6311-9-01")
def _starts_over() -> Rules:
    """Counts its peer's requests from zero once the peer has answered its synchronisation."""
    honest = HONEST.responses[State.ESTABLISHED, INFORMATIONAL]

    def cell(context: Context, sa: IkeSa, response: Incoming) -> Step:
        asked, step = sa.asked(response.message.message_id), honest(context, sa, response)
        if asked is None or asked.own.kind != "synchronise" or not step.changed:
            return step
        after = step.changed[0]
        assert isinstance(after, IkeSa)
        return replace(step, changed=(replace(after, expected=0), *step.changed[1:]))

    return HONEST.but("responses", (State.ESTABLISHED, INFORMATIONAL), cell)


@deviant("takes-a-synchronisation-for-an-old-request", "RFC6311-5-05")
def _deaf_to_clusters() -> Rules:
    """Says that it can be synchronised, and drops what synchronises it for its Message ID."""
    return HONEST.but("guards", "sealed_synchronisation", lambda *_: None)
