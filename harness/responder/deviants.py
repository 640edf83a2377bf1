"""Responders with one rule broken: the honest table with one entry exchanged, each for the cases that must catch it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from harness.clock import Entropy
from harness.codes import Exchange, NotifyType, Protocol, Trigger
from harness.responder import (
    deviants_auth,
    deviants_data,
    deviants_exchanges,
    deviants_extensions,
    deviants_keys,
    deviants_mobile,
    deviants_v1,
)
from harness.responder.context import Context, Incoming
from harness.responder.deviant import REGISTERED, Deviant, deviant
from harness.responder.initiate import reachable, start_ike_sa
from harness.responder.policy import narrow, selector
from harness.responder.rules import HONEST
from harness.responder.state import IkeSa, Own, Selector, State, Timer
from harness.responder.step import NOTHING, Armed, Step, drop
from harness.responder.table import Rules
from harness.responder.v2 import authentication, children, dispatch, guards, informational, initial, proofs
from harness.responder.v2.messages import INITIATOR, closed, refuse, respond, unprotected, unseal
from harness.responder.v2.own import begin
from harness.values import replace
from harness.wire import Message, Unknown, decode, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import Datagram, Endpoint, frame

__all__ = ["DEVIANTS", "Deviant"]

MODULES = (
    deviants_auth,
    deviants_v1,
    deviants_data,
    deviants_exchanges,
    deviants_keys,
    deviants_extensions,
    deviants_mobile,
)
"""Importing them registers the deviants that are not here."""


# Starting what a responder-only device must not start: one deviant for each way in.


def _starts(trigger: Trigger) -> Rules:
    """The honest table in which this one trigger forgets what the profile permits."""
    honest = HONEST.triggers[trigger]

    def eager(context: Context) -> Step:
        allowed = context.rules.but("decisions", "may_start", lambda *_: True)
        return honest(replace(context, rules=allowed))

    return HONEST.but("triggers", trigger, eager)


for _trigger, _breaks, _says in (
    (Trigger.BOOT, "CISCO-RO-39", "Starts an IKE SA when it boots."),
    (Trigger.INTERFACE_UP, "CISCO-RO-21", "Starts an IKE SA when the tunnel interface comes up."),
    (Trigger.MATCHING_TRAFFIC, "CISCO-RO-37", "Starts what a packet for the tunnel would need."),
    (Trigger.SECOND_SELECTOR, "CISCO-RO-40", "Starts a Child SA for a packet of the second pair of subnets."),
    (Trigger.MULTICAST, "CISCO-RO-37", "Starts an IKE SA for a routing protocol's hello."),
    (Trigger.ROUTE_CONVERGENCE, "CISCO-RO-22", "Starts an IKE SA when routes converge."),
    (Trigger.OPERATOR_INITIATE, "CISCO-RO-39", "Obeys an operator who tells it to start."),
    (Trigger.FAILOVER, "CISCO-RO-17", "Starts an IKE SA when it takes over from another node."),
    (Trigger.DPD_LOSS, "CISCO-RO-44", "Makes its SAs again after the peer was lost."),
    (Trigger.SOFT_EXPIRY, "CISCO-RO-05", "Rekeys at the soft limit by volume."),
    (Trigger.HARD_EXPIRY, "CISCO-RO-44", "Makes SAs again at the hard limit by volume."),
):
    _name = f"starts-on-{_trigger.replace('_', '-')}"
    REGISTERED[_name] = Deviant(_name, _breaks, _says, _starts(_trigger))


def _starts_over(trigger: Trigger) -> Rules:
    """The honest table in which this one trigger ends with a new IKE SA, whatever the profile permits."""
    honest = HONEST.triggers[trigger]

    def eager(context: Context) -> Step:
        between = reachable(context)
        step = honest(context)
        return step if isinstance(between, Step) else step.then(start_ike_sa(context, between))

    return HONEST.but("triggers", trigger, eager)


for _trigger, _breaks, _says in (
    (Trigger.RELOAD, "CISCO-RO-39", "Makes an IKE SA again after a reload of the configuration."),
    (Trigger.CLEAR, "CISCO-RO-44", "Makes an IKE SA again after the SAs were cleared."),
    (Trigger.ADDRESS_CHANGE, "CISCO-RO-19", "Makes an IKE SA again from a new address."),
    (Trigger.INTERFACE_DOWN, "CISCO-RO-44", "Makes an IKE SA again when the tunnel interface goes down."),
    (Trigger.CLOCK_STEP, "CISCO-RO-39", "Makes an IKE SA anew when the wall clock jumps."),
):
    _name = f"starts-on-{_trigger.replace('_', '-')}"
    REGISTERED[_name] = Deviant(_name, _breaks, _says, _starts_over(_trigger))


def _timer_permits(version: int, timer: Timer) -> Rules:
    """The honest table in which this one timer forgets what the profile permits."""
    honest = HONEST.timers[version, timer]

    def eager(context: Context, sa: Any, armed: Armed) -> Step:
        allowed = context.rules.but("decisions", "may_start", lambda *_: True)
        return honest(replace(context, rules=allowed), sa, armed)

    return HONEST.but("timers", (version, timer), eager)


for _name, _version, _timer, _breaks, _says in (
    (
        "rekeys-child-at-soft-limit",
        2,
        Timer.CHILD_SOFT,
        "CISCO-RO-41",
        "Rekeys a Child SA at its soft limit.",
    ),
    ("rekeys-ike-at-soft-limit", 2, Timer.IKE_SOFT, "CISCO-RO-42", "Rekeys an IKE SA at its soft limit."),
    (
        "replaces-child-at-hard-limit",
        2,
        Timer.CHILD_HARD,
        "CISCO-RO-44",
        "Replaces a Child SA at its hard limit.",
    ),
    (
        "v1-rekeys-child-at-soft-limit",
        1,
        Timer.CHILD_SOFT,
        "CISCO-RO-05",
        "Starts Quick Mode at the soft limit.",
    ),
    ("v1-renews-phase1-at-soft-limit", 1, Timer.IKE_SOFT, "CISCO-RO-04", "Renews phase 1 at its soft limit."),
    (
        "v1-replaces-child-at-hard-limit",
        1,
        Timer.CHILD_HARD,
        "CISCO-RO-44",
        "Starts Quick Mode at the hard limit.",
    ),
    (
        "v1-replaces-phase1-at-hard-limit",
        1,
        Timer.IKE_HARD,
        "CISCO-RO-44",
        "Makes its SAs again at the hard limit of phase 1.",
    ),
    (
        "v1-restarts-lost-peers",
        1,
        Timer.LIVENESS,
        "CISCO-RO-44",
        "Starts phase 1 for a peer that answers no liveness check.",
    ),
):
    if (_version, _timer) in HONEST.timers:
        REGISTERED[_name] = Deviant(_name, _breaks, _says, _timer_permits(_version, _timer))


@deviant("replaces-ike-at-hard-limit", "CISCO-RO-44")
def _replaces_ike() -> Rules:
    """Starts a new IKE SA as soon as one has reached its hard limit."""
    honest = HONEST.timers[2, Timer.IKE_HARD]

    def eager(context: Context, sa: IkeSa, armed: Armed) -> Step:
        step = honest(context, sa, armed)
        return step.then(start_ike_sa(context, (sa.local, sa.remote), natt=sa.natt)) if step.events else step

    return HONEST.but("timers", (2, Timer.IKE_HARD), eager)


def _revives(event: str) -> Rules:
    """The honest table in which what the peer deleted is made again, whatever the profile permits."""
    honest = HONEST.requests[State.ESTABLISHED, Exchange.INFORMATIONAL]

    def eager(context: Context, sa: IkeSa, request: Incoming) -> Step:
        allowed = replace(context, rules=context.rules.but("decisions", "may_start", lambda *_: True))
        step = honest(context, sa, request)
        return honest(allowed, sa, request) if event in step.events else step

    return HONEST.but("requests", (State.ESTABLISHED, Exchange.INFORMATIONAL), eager)


@deviant("revives-after-child-delete", "CISCO-RO-44")
def _revives_child() -> Rules:
    """Asks for a new Child SA as soon as the peer has deleted one."""
    return _revives("child-sa-deleted")


@deviant("revives-after-ike-delete", "CISCO-RO-44")
def _revives_ike() -> Rules:
    """Starts a new IKE SA as soon as the peer has deleted one."""
    return _revives("ike-sa-deleted")


@deviant("restarts-lost-peers", "CISCO-RO-44")
def _restarts() -> Rules:
    """Starts a new IKE SA once a peer has answered none of its liveness checks."""
    honest = HONEST.timers[2, Timer.RETRANSMIT]

    def eager(context: Context, sa: IkeSa, armed: Armed) -> Step:
        step = honest(context, sa, armed)
        return (
            step.then(start_ike_sa(context, (sa.local, sa.remote), natt=sa.natt))
            if "peer-lost" in step.events
            else step
        )

    return HONEST.but("timers", (2, Timer.RETRANSMIT), eager)


@deviant("forgets-to-delete-expired-children", "RFC7296-2.8-01")
def _never_expires() -> Rules:
    """Lets children live on beyond their hard limit."""
    return HONEST.but("timers", (2, Timer.CHILD_HARD), lambda *_: NOTHING)


@deviant("merges-duplicates-by-a-third", "CISCO-RO-16")
def _merges() -> Rules:
    """Starts an IKE SA of its own when a peer has made a second one."""

    def eager(context: Context, sa: IkeSa, request: Incoming) -> Step:
        twin = any(isinstance(s, IkeSa) and s.up for s in context.world.all())
        step = authentication.answer_ike_auth(context, sa, request)
        between = (request.datagram.destination, request.datagram.source)
        return step.then(start_ike_sa(context, between)) if twin else step

    return HONEST.but("requests", (State.HALF_OPEN, Exchange.IKE_AUTH), eager)


@deviant("crosses-the-peers-initiation", "CISCO-RO-16")
def _crosses() -> Rules:
    """Answers an IKE_SA_INIT and at the same time starts one of its own."""

    def eager(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = initial.answer_ike_sa_init(context, sa, request)
        between = (request.datagram.destination, request.datagram.source)
        return step.then(start_ike_sa(context, between)) if step.changed else step

    return HONEST.but("requests", (State.IDLE, Exchange.IKE_SA_INIT), eager)


@deviant("starts-a-child-unasked", "CISCO-RO-40")
def _childless_hurry() -> Rules:
    """Starts a second Child SA by itself once an IKE SA is up."""

    def eager(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        after = step.changed[0]
        if not isinstance(after, IkeSa) or not after.children:
            return step
        first = after.children[0]
        return step.then(begin(context, after, Own("new-child", local=first.local, remote=first.remote)))

    return HONEST.but("requests", (State.HALF_OPEN, Exchange.IKE_AUTH), eager)


@deviant("reauthenticates-idle-peers", "CISCO-RO-39")
def _reauthenticates() -> Rules:
    """Starts a new IKE SA when a half-open one is forgotten."""

    def eager(context: Context, sa: IkeSa, armed: Armed) -> Step:
        return Step(gone=(sa.ours,)).then(start_ike_sa(context, (sa.local, sa.remote), natt=sa.natt))

    return HONEST.but("timers", (2, Timer.HALF_OPEN), eager)


# Breaking what RFC 7296 says of answers.


def _bent(change: Callable[[Context, Datagram, Message], tuple[Datagram, ...]]) -> Rules:
    """The honest table, with every IKEv2 response on its way out passed through `change`."""

    def outgoing(context: Context, step: Step) -> Step:
        sent: list[Datagram] = []
        for datagram in step.send:
            message = decode(_ike_octets(datagram))
            answer = isinstance(message, Message) and message.major == 2 and message.is_response
            sent += change(context, datagram, message) if answer else (datagram,)  # type: ignore[arg-type]  # what is sent was made here, so it decodes
        return replace(step, send=tuple(sent))

    return HONEST.sending(outgoing)


def _ike_octets(datagram: Datagram) -> bytes:
    """The IKE message in a datagram of ours, without the non-ESP marker."""
    return datagram.data[4:] if datagram.data[:4] == bytes(4) else datagram.data


def _again(datagram: Datagram, octets: bytes) -> Datagram:
    """The datagram with another IKE message in it."""
    return datagram._replace(data=frame(octets, datagram.data[:4] == bytes(4)))


@deviant("answers-from-another-port", "RFC7296-2.11-03")
def _other_port() -> Rules:
    """Answers from a port other than the one the request came to."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        source = datagram.source
        return (datagram._replace(source=Endpoint(source.address, source.port + 1)),)

    return _bent(change)


@deviant("answers-to-the-well-known-port", "RFC7296-2.11-02")
def _well_known_port() -> Rules:
    """Answers to port 500 wherever the request came from."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        return (datagram._replace(destination=Endpoint(datagram.destination.address, 500)),)

    return _bent(change)


@deviant("answers-twice", "RFC7296-2.1-01")
def _twice() -> Rules:
    """Sends every response twice, unasked."""
    return _bent(lambda _, datagram, __: (datagram, datagram))


@deviant("retransmits-its-responses", "RFC7296-2.1-01")
def _impatient() -> Rules:
    """Sends its IKE_SA_INIT response again when the half-open SA is about to be forgotten."""

    def forget(context: Context, sa: IkeSa, armed: Armed) -> Step:
        gone = Step(gone=(sa.ours,)) if sa.state is State.HALF_OPEN else NOTHING
        again = Datagram(sa.local, sa.remote, frame(sa.init_response, sa.natt))
        return gone.then(Step(send=(again,))) if gone.gone else NOTHING

    return HONEST.but("timers", (2, Timer.HALF_OPEN), forget)


@deviant("sets-the-initiator-flag", "RFC7296-3.1-24")
def _initiator_flag() -> Rules:
    """Sets the I flag in its responses to IKE_SA_INIT, as though it had started the SA."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        if message.exchange != Exchange.IKE_SA_INIT:
            return (datagram,)
        return (_again(datagram, replace_message(message, flags=message.flags | INITIATOR).encode()),)

    return _bent(change)


@deviant("echoes-another-message-id", "RFC7296-2.2-05")
def _other_message_id() -> Rules:
    """Answers IKE_SA_INIT with another Message ID than the request had."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        if message.exchange != Exchange.IKE_SA_INIT:
            return (datagram,)
        return (datagram, _again(datagram, replace_message(message, message_id=7).encode()))

    return _bent(change)


@deviant("sets-the-critical-flag", "RFC7296-2.5-15")
def _critical_flag() -> Rules:
    """Sets the critical flag on the payloads of its IKE_SA_INIT responses."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        if message.exchange != Exchange.IKE_SA_INIT:
            return (datagram,)
        flagged = tuple(replace_message(p, flags=0x80) for p in message.payloads)
        return (_again(datagram, replace_message(message, payloads=flagged).encode()),)

    return _bent(change)


def _cell(key: tuple[str, int], cell: Callable[..., Step]) -> Rules:
    return HONEST.but("requests", key, cell)


@deviant("returns-every-proposal", "RFC7296-2.7-01")
def _every_proposal() -> Rules:
    """Returns all proposals of the offer, so that nobody knows which one it chose."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = initial.answer_ike_sa_init(context, sa, request)
        if not step.changed:
            return step
        half_open = step.changed[0]
        assert isinstance(half_open, IkeSa)
        response = decode(half_open.init_response)
        assert isinstance(response, Message)
        offer = request.find(v2.SecurityAssociation)
        payloads = tuple(offer if isinstance(p, v2.SecurityAssociation) else p for p in response.payloads)
        octets = replace_message(response, payloads=payloads).encode()
        return replace(
            step, changed=(replace(half_open, init_response=octets),), send=(request.reply(octets),)
        )

    return _cell((State.IDLE, Exchange.IKE_SA_INIT), cell)


@deviant("leaves-the-first-child-out", "RFC7296-1.2-03")
def _no_first_child() -> Rules:
    """Completes IKE_AUTH but makes no Child SA, and says nothing of it."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        bare = tuple(p for p in request.payloads if not isinstance(p, v2.SecurityAssociation))
        return authentication.answer_ike_auth(context, sa, replace(request, payloads=bare))

    return _cell((State.HALF_OPEN, Exchange.IKE_AUTH), cell)


@deviant("believes-any-auth", "RFC7296-1.2-08")
def _believes_all() -> Rules:
    """Believes every AUTH payload."""
    return HONEST.but("decisions", "believes", lambda *_: True)


@deviant("believes-any-identity", "RFC7296-1.2-09")
def _knows_all() -> Rules:
    """Takes every identity for its peer's."""
    return HONEST.but("decisions", "knows", lambda *_: True)


@deviant("proves-itself-wrongly", "RFC7296-1.2-08")
def _wrong_proof() -> Rules:
    """Computes its own AUTH over something else."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return authentication.answer_ike_auth(context, replace(sa, ni=sa.ni[::-1]), request)

    def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
        return bool(proofs.believes(context, replace(sa, ni=sa.ni[::-1]), who, auth))

    return _cell((State.HALF_OPEN, Exchange.IKE_AUTH), cell).but("decisions", "believes", believes)


@deviant("hides-the-reason-of-a-failed-auth", "RFC7296-2.21.2-01")
def _vague_refusal() -> Rules:
    """Refuses a wrong AUTH with NO_PROPOSAL_CHOSEN."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        who, auth = request.find(v2.IdInitiator), request.find(v2.Authentication)
        if who is not None and auth is not None and not context.decide("believes", sa, who, auth):
            return closed(context, refuse(context, sa, request, NotifyType.NO_PROPOSAL_CHOSEN), "ike-sa-gone")
        return authentication.answer_ike_auth(context, sa, request)

    return _cell((State.HALF_OPEN, Exchange.IKE_AUTH), cell)


@deviant("child-trouble-ends-the-ike-sa", "RFC7296-1.2-13")
def _fragile_auth() -> Rules:
    """Gives the IKE SA up when the Child SA asked for in IKE_AUTH can't be made."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        up = step.changed[0]
        if isinstance(up, IkeSa) and up.up and not up.children:
            return closed(
                context, refuse(context, sa, request, NotifyType.AUTHENTICATION_FAILED), "ike-sa-gone"
            )
        return step

    return _cell((State.HALF_OPEN, Exchange.IKE_AUTH), cell)


@deviant("silent-on-unacceptable-proposals", "RFC7296-2.7-03")
def _silent_no_proposal() -> Rules:
    """Drops an IKE_SA_INIT whose proposals it can't take, instead of saying so."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        if context.decide("choose_ike", request.find(v2.SecurityAssociation), 0) is None:
            return drop("no proposal fits")
        return initial.answer_ike_sa_init(context, sa, request)

    return _cell((State.IDLE, Exchange.IKE_SA_INIT), cell)


@deviant("invalid-ke-names-no-group", "RFC7296-1.2-10")
def _groupless() -> Rules:
    """Refuses a KE payload of another group without naming the one it wants."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        notify = message.find(v2.Notify, NotifyType.INVALID_KE_PAYLOAD)
        if notify is None:
            return (datagram,)
        bare = replace_message(message, payloads=(replace_message(notify, data=b""),))
        return (_again(datagram, bare.encode()),)

    return _bent(change)


@deviant("keeps-state-before-the-cookie", "RFC7296-2.6-15")
def _any_cookie() -> Rules:
    """Takes any cookie at all for its own."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        if incoming.find(v2.Notify, NotifyType.COOKIE) is not None:
            return None
        return guards.init_cookie(context, sa, incoming)

    return HONEST.but("guards", "init_cookie", guard)


@deviant("never-demands-a-cookie", "RFC7296-2.6-07")
def _no_cookie() -> Rules:
    """Never demands a cookie, however many SAs are half-open."""
    return HONEST.but("decisions", "demands_cookie", lambda *_: False)


@deviant("cookie-of-no-octets", "RFC7296-2.6-08")
def _empty_cookie() -> Rules:
    """Demands a cookie, but hands out an empty one."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        notify = message.find(v2.Notify, NotifyType.COOKIE)
        if notify is None:
            return (datagram,)
        empty = replace_message(message, payloads=(replace_message(notify, data=b""),))
        return (_again(datagram, empty.encode()),)

    return _bent(change)


@deviant("fresh-response-to-a-repeat", "RFC7296-2.1-09")
def _fresh_init() -> Rules:
    """Makes another SA for a repeated IKE_SA_INIT instead of repeating its response."""
    return HONEST.but("guards", "init_repeated", lambda *_: None)


@deviant("reseals-a-repeated-response", "RFC7296-2.1-02")
def _reseals() -> Rules:
    """Builds the response to a repeated request anew, so that its octets differ."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        served = sa.answer_to(incoming.message.message_id)
        if served is None or incoming.octets != served.request:
            return guards.sealed_repeated(context, sa, incoming)
        opened = unseal(sa, replace(incoming, octets=served.response[0]), by_initiator=sa.we_started)
        if isinstance(opened, Step):
            return opened
        step = respond(context, sa, incoming, *opened.payloads)
        return replace(step, changed=())

    return HONEST.but("guards", "sealed_repeated", guard)


@deviant("does-a-repeated-request-again", "RFC7296-2.1-02")
def _does_it_again() -> Rules:
    """Serves a request whose Message ID was answered already as though it were new."""

    def repeated(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        return None

    def in_window(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        if sa.answer_to(incoming.message.message_id) is not None:
            return None
        return guards.sealed_in_window(context, sa, incoming)

    return HONEST.but("guards", "sealed_repeated", repeated).but("guards", "sealed_in_window", in_window)


@deviant("serves-beyond-the-window", "RFC7296-2.3-15")
def _no_window() -> Rules:
    """Serves every Message ID, however far ahead."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        if incoming.message.message_id >= sa.expected:
            return None
        return guards.sealed_in_window(context, sa, incoming)

    return HONEST.but("guards", "sealed_in_window", guard)


@deviant("serves-behind-the-window", "RFC7296-2.1-06")
def _old_requests() -> Rules:
    """Builds new responses for requests that it answered long ago."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        if incoming.message.message_id <= sa.expected:
            return None
        return guards.sealed_in_window(context, sa, incoming)

    return HONEST.but("guards", "sealed_in_window", guard)


@deviant("accepts-a-critical-stranger", "RFC7296-2.5-11")
def _accepts_critical() -> Rules:
    """Takes an unknown critical payload for one that may be ignored."""
    return HONEST.but("guards", "sealed_critical", lambda *_: None).but(
        "guards", "init_critical", lambda *_: None
    )


@deviant("refusal-names-no-payload", "RFC7296-2.5-13")
def _nameless_refusal() -> Rules:
    """Refuses an unknown critical payload without naming it."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        stranger = next((p for p in incoming.payloads if isinstance(p, Unknown) and p.critical), None)
        if stranger is None:
            return None
        step = refuse(context, sa, incoming, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD)
        return closed(context, step, "ike-sa-gone") if sa.state is State.HALF_OPEN else step

    return HONEST.but("guards", "sealed_critical", guard)


@deviant("refuses-any-stranger", "RFC7296-2.5-10")
def _refuses_strangers() -> Rules:
    """Refuses every unknown payload, critical or not."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        stranger = next((p for p in incoming.payloads if isinstance(p, Unknown)), None)
        if stranger is None:
            return None
        notify = v2.Notify(notify_type=NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, data=bytes([stranger.type]))
        return closed(context, respond(context, sa, incoming, notify), "ike-sa-gone")

    return HONEST.but("guards", "sealed_critical", guard)


@deviant("insists-on-the-order-of-payloads", "RFC7296-2.5-18")
def _insists_on_order() -> Rules:
    """Refuses an IKE_AUTH whose payloads are not in the order of the figures."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        types = [p.type for p in incoming.payloads if p.type in (35, 39, 33, 44, 45)]
        figure = [t for t in (35, 39, 33, 44, 45) if t in types]
        if incoming.message.exchange == Exchange.IKE_AUTH and types != figure:
            return closed(context, refuse(context, sa, incoming, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
        return guards.sealed_critical(context, sa, incoming)

    return HONEST.but("guards", "sealed_critical", guard)


@deviant("minds-reserved-bits", "RFC7296-3.1-17")
def _minds_reserved() -> Rules:
    """Drops an IKE_SA_INIT with reserved header flags or a minor version."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        message = incoming.message
        if message.flags & ~INITIATOR or message.minor:
            return drop("reserved bits")
        return guards.init_header(context, sa, incoming)

    return HONEST.but("guards", "init_header", guard)


@deviant("serves-before-authentication", "RFC7296-1-02")
def _early_birds() -> Rules:
    """Answers INFORMATIONAL and CREATE_CHILD_SA before IKE_AUTH."""
    return replace(
        HONEST,
        requests={
            **HONEST.requests,
            (State.HALF_OPEN, Exchange.INFORMATIONAL): informational.answer_informational,
            (State.HALF_OPEN, Exchange.CREATE_CHILD_SA): children.answer_create_child_sa,
        },
    )


@deviant("answers-what-does-not-open", "RFC7296-1.2-02")
def _answers_forgeries() -> Rules:
    """Answers a request whose integrity check fails with INVALID_SYNTAX, and moves its window on."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | Incoming:
        opened = guards.sealed_opens(context, sa, incoming)
        if isinstance(opened, Step) and sa.keys is not None:
            return refuse(context, sa, incoming, NotifyType.INVALID_SYNTAX)
        return opened

    return HONEST.but("guards", "sealed_opens", guard)


@deviant("lives-on-after-invalid-syntax", "RFC7296-2.21.3-04")
def _lives_on() -> Rules:
    """Says INVALID_SYNTAX and goes on serving the SA."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        step = guards.sealed_well_formed(context, sa, incoming)
        return None if step is None else refuse(context, sa, incoming, NotifyType.INVALID_SYNTAX)

    return HONEST.but("guards", "sealed_well_formed", guard)


@deviant("swallows-malformed-content", "RFC7296-2.21.3-01")
def _swallows() -> Rules:
    """Takes malformed content under a good seal as though it were well."""
    return HONEST.but("guards", "sealed_well_formed", lambda *_: None)


@deviant("deletes-without-the-pair", "RFC7296-1.4.1-05")
def _no_pair() -> Rules:
    """Answers the Delete of a child without naming the other half."""

    def decision(context: Context, sa: IkeSa, deletes: Any) -> tuple[IkeSa, tuple[Any, ...]]:
        after, _ = informational.delete_children(context, sa, deletes)
        return after, ()

    return HONEST.but("decisions", "delete_children", decision)


@deviant("keeps-deleted-children", "RFC7296-1.4.1-03")
def _keeps_children() -> Rules:
    """Says that a child is deleted and keeps it."""

    def decision(context: Context, sa: IkeSa, deletes: Any) -> tuple[IkeSa, tuple[Any, ...]]:
        _, named = informational.delete_children(context, sa, deletes)
        return sa, named

    return HONEST.but("decisions", "delete_children", decision)


@deviant("deletes-whatever-the-protocol", "RFC7296-2.25.1-07")
def _any_protocol() -> Rules:
    """Deletes the child whose SPI is named, whatever protocol the Delete is for."""

    def decision(context: Context, sa: IkeSa, deletes: Any) -> tuple[IkeSa, tuple[Any, ...]]:
        as_esp = tuple(replace_message(d, protocol=Protocol.ESP) for d in deletes)
        after, named = informational.delete_children(context, sa, as_esp)
        return after, tuple(named)

    return HONEST.but("decisions", "delete_children", decision)


@deviant("answers-ike-delete-with-delete", "RFC7296-1.4.1-09")
def _delete_for_delete() -> Rules:
    """Answers the Delete of the IKE SA with a Delete of its own."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        if not any(d.protocol == Protocol.IKE for d in request.all(v2.Delete)):
            return informational.answer_informational(context, sa, request)
        ours = v2.Delete(protocol=Protocol.IKE, spi_size=0, spis=())
        return closed(context, respond(context, sa, request, ours), "ike-sa-deleted")

    return _cell((State.ESTABLISHED, Exchange.INFORMATIONAL), cell)


@deviant("outlives-its-deletion", "RFC7296-1.4.1-03")
def _outlives() -> Rules:
    """Answers the Delete of the IKE SA and goes on serving it."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        if any(d.protocol == Protocol.IKE for d in request.all(v2.Delete)):
            return respond(context, sa, request)
        return informational.answer_informational(context, sa, request)

    return _cell((State.ESTABLISHED, Exchange.INFORMATIONAL), cell)


@deviant("tires-of-liveness-checks", "RFC7296-1.4-04")
def _tires() -> Rules:
    """Answers liveness checks up to a Message ID of 20, and no further."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        if request.message.message_id > 20 and not request.payloads:
            return drop("enough of these")
        return informational.answer_informational(context, sa, request)

    return _cell((State.ESTABLISHED, Exchange.INFORMATIONAL), cell)


@deviant("second-child-ends-the-ike-sa", "RFC7296-1.3.1-11")
def _one_child_only() -> Rules:
    """Refuses a second child by INVALID_SYNTAX, and the IKE SA with it."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        new = request.find(v2.Notify, NotifyType.REKEY_SA) is None
        if new and sa.children and request.find(v2.TrafficSelectorsI) is not None:
            return closed(context, refuse(context, sa, request, NotifyType.INVALID_SYNTAX), "ike-sa-gone")
        return children.answer_create_child_sa(context, sa, request)

    return _cell((State.ESTABLISHED, Exchange.CREATE_CHILD_SA), cell)


@deviant("widens-the-traffic-selectors", "RFC7296-1.3.1-02")
def _widens() -> Rules:
    """Returns its own subnets whatever part of them the peer asked for."""

    def decision(context: Context, offered: Any, subnets: Any) -> Any:
        return tuple(selector(s) for s in subnets) if narrow(context, offered, subnets) else ()

    return HONEST.but("decisions", "narrow", decision)


@deviant("takes-any-traffic-selectors", "RFC7296-2.9-06")
def _takes_any_selectors() -> Rules:
    """Accepts traffic selectors that its policy does not cover."""

    def decision(context: Context, offered: Any, subnets: Any) -> Any:
        return tuple(Selector(t.start, t.end, t.protocol, t.start_port, t.end_port) for t in offered)

    return HONEST.but("decisions", "narrow", decision)


Rewrite = Callable[[IkeSa, Incoming, tuple[Any, ...]], tuple[Any, ...]]


def _child_answers(rewrite: Rewrite) -> Rules:
    """The honest table, in which the payloads of answers to requests for children are rewritten."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = children.answer_create_child_sa(context, sa, request)
        after = step.changed[0]
        if not isinstance(after, IkeSa) or request.find(v2.TrafficSelectorsI) is None:
            return step
        served = after.answer_to(request.message.message_id)
        assert served is not None
        answer = replace(request, octets=served.response[0])
        opened = unseal(after, answer, by_initiator=after.we_started)
        if isinstance(opened, Step):
            return opened
        rewritten = respond(context, after, request, *rewrite(sa, request, opened.payloads))
        return replace(rewritten, armed=step.armed)

    return _cell((State.ESTABLISHED, Exchange.CREATE_CHILD_SA), cell)


@deviant("leaves-the-nonce-out-of-a-rekey", "RFC7296-1.3.3-04")
def _no_nonce() -> Rules:
    """Answers the rekey of a child without a nonce."""

    def rewrite(_: IkeSa, request: Incoming, payloads: tuple[Any, ...]) -> tuple[Any, ...]:
        if request.find(v2.Notify, NotifyType.REKEY_SA) is None:
            return payloads
        return tuple(p for p in payloads if not isinstance(p, v2.Nonce))

    return _child_answers(rewrite)


@deviant("leaves-the-key-exchange-out", "RFC7296-1.3.1-01")
def _no_key_exchange() -> Rules:
    """Agrees to a group for a child and sends no KE payload."""
    return _child_answers(lambda _, __, ps: tuple(p for p in ps if not isinstance(p, v2.KeyExchange)))


@deviant("rekeys-under-the-old-spi", "RFC7296-1.3.3-04")
def _same_spi() -> Rules:
    """Gives the successor of a child the SPI that the child had."""

    def rewrite(sa: IkeSa, request: Incoming, payloads: tuple[Any, ...]) -> tuple[Any, ...]:
        rekeyed = request.find(v2.Notify, NotifyType.REKEY_SA)
        old = None if rekeyed is None else sa.child(rekeyed.spi)
        return payloads if old is None else tuple(_with_spi(p, old.spi_in) for p in payloads)

    return _child_answers(rewrite)


def _with_spi(payload: Any, spi: bytes) -> Any:
    """An SA payload with another SPI in its proposals; any other payload as it is."""
    if not isinstance(payload, v2.SecurityAssociation):
        return payload
    return replace_message(payload, proposals=tuple(replace_message(p, spi=spi) for p in payload.proposals))


@deviant("rekeys-a-child-that-is-not-there", "RFC7296-2.25-06")
def _rekeys_ghosts() -> Rules:
    """Makes a new child when asked to rekey one that it does not have."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        rekeyed = request.find(v2.Notify, NotifyType.REKEY_SA)
        if rekeyed is not None and children.child_to_rekey(context, sa, rekeyed) is None:
            kept = tuple(p for p in request.payloads if p is not rekeyed)
            request = replace(request, payloads=kept)
        return children.answer_create_child_sa(context, sa, request)

    return _cell((State.ESTABLISHED, Exchange.CREATE_CHILD_SA), cell)


@deviant("not-found-names-another-spi", "RFC7296-2.25-07")
def _wrong_ghost() -> Rules:
    """Says CHILD_SA_NOT_FOUND of another SPI than it was asked about."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        rekeyed = request.find(v2.Notify, NotifyType.REKEY_SA)
        if rekeyed is None or children.child_to_rekey(context, sa, rekeyed) is not None:
            return children.answer_create_child_sa(context, sa, request)
        other = v2.Notify(
            protocol=rekeyed.protocol, notify_type=NotifyType.CHILD_SA_NOT_FOUND, spi=rekeyed.spi[::-1]
        )
        return respond(context, sa, request, other)

    return _cell((State.ESTABLISHED, Exchange.CREATE_CHILD_SA), cell)


@deviant("rekeyed-ike-sa-orphans-children", "RFC7296-2.8-07")
def _orphans() -> Rules:
    """Rekeys the IKE SA and leaves the children behind."""

    def decision(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return children.rekey_ike_sa(context, replace(sa, children=()), request)

    return HONEST.but("decisions", "rekey_ike_sa", decision)


@deviant("takes-the-initiators-role-on-rekey", "RFC7296-3.1-25")
def _takes_role() -> Rules:
    """Sets the I flag on the IKE SA that the peer's rekey made, as though it had started the rekey itself."""

    def change(context: Context, datagram: Datagram, message: Message) -> tuple[Datagram, ...]:
        sa = context.world.find(message.spi_r)
        heir = isinstance(sa, IkeSa) and not sa.init_request
        if not heir or message.exchange == Exchange.IKE_SA_INIT:
            return (datagram,)
        return (_again(datagram, replace_message(message, flags=message.flags | INITIATOR).encode()),)

    return _bent(change)


@deviant("keeps-counting-after-ike-rekey", "RFC7296-1.3.2-05")
def _keeps_counting() -> Rules:
    """Goes on with the old SA's Message IDs on the SA that a rekey made."""

    def decision(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = children.rekey_ike_sa(context, sa, request)
        changed = tuple(
            replace(s, expected=sa.expected) if isinstance(s, IkeSa) and s.ours != sa.ours else s
            for s in step.changed
        )
        return replace(step, changed=changed)

    return HONEST.but("decisions", "rekey_ike_sa", decision)


@deviant("answers-responses", "RFC7296-2.21.4-02")
def _answers_responses() -> Rules:
    """Answers an unasked response with INVALID_IKE_SPI: it does not look at the R flag."""

    def stray(context: Context, incoming: Incoming) -> Step:
        return Step(send=(unprotected(incoming, v2.Notify(notify_type=NotifyType.INVALID_IKE_SPI)),))

    return HONEST.but("decisions", "unasked", stray)


@deviant("follows-any-major-version", "RFC7296-2.5-02")
def _any_version() -> Rules:
    """Answers a message of major version 3 as though it were of version 2."""

    def other_version(context: Context, incoming: Incoming) -> Step:
        octets = incoming.octets[:17] + b"\x20" + incoming.octets[18:]
        message = decode(octets)
        assert isinstance(message, Message)
        if message.is_response:
            return dispatch.other_version(context, incoming)
        return dispatch.receive(context, replace(incoming, message=message, payloads=message.payloads))

    return HONEST.but("decisions", "other_version", other_version)


@deviant("takes-short-nonces", "RFC7296-2.10-02")
def _short_nonces() -> Rules:
    """Answers an IKE_SA_INIT whose nonce has fewer than 16 octets."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        return None if incoming.find(v2.Nonce) is not None else guards.init_complete(context, sa, incoming)

    return HONEST.but("guards", "init_complete", guard)


@deviant("always-the-same-nonce", "RFC7296-2.10-01")
def _same_nonce() -> Rules:
    """Sends the same nonce with every IKE_SA_INIT response."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return initial.answer_ike_sa_init(replace(context, entropy=_SameNonce(context.entropy)), sa, request)

    return _cell((State.IDLE, Exchange.IKE_SA_INIT), cell)


class _SameNonce:
    """Chance, but for the 32 octets of a nonce."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def octets(self, count: int) -> bytes:
        """`count` octets; 32 of them are always the same."""
        drawn = self._entropy.octets(count)
        return bytes(range(32)) if count == initial.NONCE_OCTETS else drawn


@deviant("lets-half-open-sas-live", "RFC7296-2.6-06")
def _immortal() -> Rules:
    """Never forgets an SA whose peer did not come back."""
    return HONEST.but("timers", (2, Timer.HALF_OPEN), lambda *_: NOTHING)


@deviant("mute", "RFC7296-1.4-04")
def _mute() -> Rules:
    """Answers nothing at all."""
    return HONEST.sending(lambda _, step: replace(step, send=()))


DEVIANTS: Mapping[str, Deviant] = MappingProxyType(REGISTERED)
"""Every deviant by its name."""
