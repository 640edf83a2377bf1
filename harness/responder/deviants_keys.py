"""Responders that break rules of IKE_INTERMEDIATE, additional key exchanges and puzzles, each for the cases that must catch it."""

from collections.abc import Callable
from typing import Any

from harness.codes import Exchange, Group, NotifyType
from harness.profile import Puzzles
from harness.responder import policy
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.policy import Additional, Chosen
from harness.responder.rules import HONEST
from harness.responder.state import FollowUp, IkeSa, State, Timer
from harness.responder.step import NOTHING, Step
from harness.responder.table import Rules
from harness.responder.v2 import follow_up, intermediate
from harness.responder.v2.cookies import Given
from harness.responder.v2.follow_up import child_of
from harness.responder.v2.messages import refuse, unprotected
from harness.sa.intermediate import NO_INT_AUTH
from harness.sa.puzzle import zero_bits
from harness.values import replace
from harness.wire import Message, decode, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import TCP_STREAM, UDP, Datagram

FOLLOW = (State.ESTABLISHED, Exchange.IKE_FOLLOWUP_KE)
INTERMEDIATE = ((State.INTERMEDIATE, Exchange.IKE_INTERMEDIATE), (State.HALF_OPEN, Exchange.IKE_INTERMEDIATE))


def _intermediate(cell: Any) -> Rules:
    """The honest table with this cell for IKE_INTERMEDIATE, whatever it waits for."""
    return replace(HONEST, requests={**HONEST.requests, **dict.fromkeys(INTERMEDIATE, cell)})


def _also(state: State, exchange: Exchange, cell: Any) -> Rules:
    """The honest table with a cell where it has none."""
    return replace(HONEST, requests={**HONEST.requests, (str(state), int(exchange)): cell})


def _follow_up_refused_with(notify_type: NotifyType) -> Rules:
    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        named = request.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE)
        if named is None or all(each.link != named.data for each in sa.following):
            return refuse(context, sa, request, notify_type)
        return follow_up.answer_follow_up(context, sa, request)

    return HONEST.but("requests", FOLLOW, cell)


# RFC 9242.


@deviant("never-tells-of-ike-intermediate", "RFC9242-3.1-02")
def _silent() -> Rules:
    """Supports IKE_INTERMEDIATE and keeps it to itself."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
        return intermediate.intermediate_supported(context, sa, request)[0], ()

    return HONEST.but("extensions", ("init", "intermediate_supported"), extension)


@deviant("tells-of-ike-intermediate-unasked", "RFC9242-3.1-02")
def _unasked() -> Rules:
    """Sends INTERMEDIATE_EXCHANGE_SUPPORTED to everybody."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
        notify = v2.Notify(notify_type=NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)
        return replace(sa, intermediate=True), (notify,)

    return HONEST.but("extensions", ("init", "intermediate_supported"), extension)


@deviant("leaves-ike-intermediate-out-of-auth", "RFC9242-3.3.2-01")
def _uncovered() -> Rules:
    """Makes and believes an AUTH that covers no IKE_INTERMEDIATE exchange."""
    return HONEST.but("decisions", "covers", lambda *_: NO_INT_AUTH)


@deviant("covers-requests-of-ike-intermediate-alone", "RFC9242-3.3.2-01")
def _half_covered() -> Rules:
    """Leaves its own IKE_INTERMEDIATE messages out of AUTH."""

    def covers(context: Context, sa: IkeSa, keys: Any, request: Incoming, payloads: tuple[Any, ...]) -> Any:
        honest = intermediate.covers(context, sa, keys, request, payloads)
        return replace(honest, responder=b"")

    return HONEST.but("decisions", "covers", covers)


@deviant("takes-ike-intermediate-without-end", "RFC9242-5-01")
def _endless() -> Rules:
    """Answers as many IKE_INTERMEDIATE exchanges as the initiator likes."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        boundless = replace(context.configuration, intermediate_limit=1_000_000)
        return intermediate.answer_intermediate(replace(context, configuration=boundless), sa, request)

    return _intermediate(cell)


@deviant("takes-ike-intermediate-after-ike-auth", "RFC9242-3.2-04")
def _belated() -> Rules:
    """Answers IKE_INTERMEDIATE on an IKE SA that is established."""
    return _also(State.ESTABLISHED, Exchange.IKE_INTERMEDIATE, intermediate.answer_intermediate)


# RFC 9370, before IKE_AUTH.


@deviant("takes-additional-key-exchanges-without-ike-intermediate", "RFC9370-2.2.1-18")
def _unnegotiated() -> Rules:
    """Chooses proposals with additional key exchanges from peers that did not tell of IKE_INTERMEDIATE."""
    return HONEST.but("decisions", "possible", lambda _context, _request, offer: offer)


@deviant("chooses-a-method-twice", "RFC9370-2.2.1-09")
def _twice() -> Rules:
    """Takes the same method for two additional key exchanges where nothing else is offered."""

    def choose(context: Context, proposal: v2.Proposal, wanted: tuple[int, ...]) -> Additional | None:
        honest = policy.choose_additional(context, proposal, wanted)
        offered = [(t.type, t.id) for t in proposal.transforms if t.type in policy.ADDITIONAL]
        return honest if honest is not None or not wanted else tuple(dict(reversed(offered)).items())

    return HONEST.but("decisions", "choose_additional", choose)


@deviant("answers-every-type-with-one-method", "RFC9370-2.2.1-07")
def _one_method() -> Rules:
    """Takes the method that it likes best for each type that offers it."""

    def choose(context: Context, proposal: v2.Proposal, wanted: tuple[int, ...]) -> Additional | None:
        honest = policy.choose_additional(context, proposal, wanted)
        offered = {(t.type, t.id) for t in proposal.transforms}
        if honest is None or not wanted:
            return honest
        return tuple((kind, wanted[0] if (kind, wanted[0]) in offered else method) for kind, method in honest)

    return HONEST.but("decisions", "choose_additional", choose)


@deviant("leaves-types-that-are-none-out-of-its-answer", "RFC9370-2.1-01")
def _unanswered_types() -> Rules:
    """Names only those additional key exchanges that are to be made."""

    def choose(context: Context, proposal: v2.Proposal, wanted: tuple[int, ...]) -> Additional | None:
        honest = policy.choose_additional(context, proposal, wanted)
        return None if honest is None else tuple(each for each in honest if each[1] != Group.NONE)

    return HONEST.but("decisions", "choose_additional", choose)


@deviant("keeps-its-keys-after-an-additional-key-exchange", "RFC9370-2.2.2-03")
def _same_keys() -> Rules:
    """Makes additional key exchanges, and nothing of their secrets."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = intermediate.answer_intermediate(context, sa, request)
        kept = (replace(each, keys=sa.keys) for each in step.changed if isinstance(each, IkeSa))
        return replace(step, changed=tuple(kept))

    return _intermediate(cell)


@deviant("takes-another-method-than-negotiated", "RFC9370-2.2.2-02")
def _any_method() -> Rules:
    """Makes an additional key exchange by whatever method the peer comes with."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        offered = request.find(v2.KeyExchange)
        due = sa.additional if offered is None else (offered.group, *sa.additional[1:])
        return intermediate.answer_intermediate(context, replace(sa, additional=due), request)

    return _intermediate(cell)


@deviant("authenticates-before-additional-key-exchanges", "RFC9370-2.2.2-01")
def _hasty() -> Rules:
    """Takes IKE_AUTH while additional key exchanges are still to be made."""
    honest = HONEST.requests[State.HALF_OPEN, Exchange.IKE_AUTH]
    return _also(State.INTERMEDIATE, Exchange.IKE_AUTH, honest)


# RFC 9370, after CREATE_CHILD_SA.


@deviant("names-no-additional-key-exchange-to-go-on-with", "RFC9370-2.2.4-04")
def _unlinked() -> Rules:
    """Agrees to additional key exchanges, and sends no ADDITIONAL_KEY_EXCHANGE."""
    return HONEST.but("decisions", "link", lambda *_: ())


@deviant("forgets-additional-key-exchanges-of-children", "RFC9370-2.2.4-19")
def _partial_child() -> Rules:
    """Makes the keys of a child of its first key exchange alone."""

    def keys(context: Context, sa: IkeSa, done: FollowUp) -> Any:
        return child_of(context, sa, replace(done, additional=b""))

    return HONEST.but("decisions", "child_of", keys)


@deviant("forgets-additional-key-exchanges-of-ike-sas", "RFC9370-2.2.4-18")
def _partial_ike() -> Rules:
    """Makes the keys of a rekeyed IKE SA of the first key exchange alone."""

    def keys(context: Context, sa: IkeSa, done: FollowUp) -> Any:
        return follow_up.keys_of(context, sa, replace(done, additional=b""))

    return HONEST.but("decisions", "keys_of", keys)


@deviant("calls-an-unknown-follow-up-a-syntax-error", "RFC9370-2.2.4-09")
def _syntax() -> Rules:
    """Answers IKE_FOLLOWUP_KE with a link that it does not know by INVALID_SYNTAX."""
    return _follow_up_refused_with(NotifyType.INVALID_SYNTAX)


@deviant("forgets-the-ike-sa-with-a-follow-up", "RFC9370-2.2.4-10")
def _fatal() -> Rules:
    """Lets the IKE SA go when IKE_FOLLOWUP_KE finds no state."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = follow_up.answer_follow_up(context, sa, request)
        (answered,) = step.changed[:1]
        same = isinstance(answered, IkeSa) and answered.following == sa.following
        return replace(step, changed=(), gone=(sa.ours,)) if same else step

    return HONEST.but("requests", FOLLOW, cell)


@deviant("never-forgets-a-follow-up", "RFC9370-2.2.4-07")
def _patient() -> Rules:
    """Waits for the next IKE_FOLLOWUP_KE for ever."""
    return HONEST.but("timers", (2, Timer.FOLLOW_UP), lambda *_: NOTHING)


@deviant("makes-an-sa-before-its-key-exchanges", "RFC9370-2.2.4-15")
def _early_sa() -> Rules:
    """Makes a child as soon as CREATE_CHILD_SA has agreed on it, whatever key exchanges are to follow."""
    honest = HONEST.decisions["choose_child"]

    def choose(context: Context, offer: v2.SecurityAssociation, ke_group: int) -> Any:
        chosen = honest(context, offer, ke_group)
        return None if chosen is None else _Unfollowed(**{f: getattr(chosen, f) for f in _FIELDS})

    return HONEST.but("decisions", "choose_child", choose)


class _Unfollowed(Chosen[Any]):
    """A choice that says what key exchanges are to follow, and makes none of them."""

    __slots__ = ()

    @property
    def methods(self) -> tuple[int, ...]:
        """None at all."""
        return ()


_FIELDS = ("suite", "group", "spi", "number", "additional")


# RFC 8019.


@deviant("gives-a-puzzle-without-cookie", "RFC8019-7.1.1-01")
def _bare_puzzle() -> Rules:
    """Sends PUZZLE without COOKIE, so that there is nothing to solve it for."""
    honest = HONEST.guards["init_cookie"]

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        step = honest(context, sa, incoming)
        if step is None or not step.send or not context.decide("demands_puzzle", incoming):
            return step
        puzzles = context.configuration.defence.puzzles
        assert puzzles is not None
        data = b"\0\x05" + bytes((puzzles.difficulty,))
        return Step(send=(unprotected(incoming, v2.Notify(notify_type=NotifyType.PUZZLE, data=data)),))

    return HONEST.but("guards", "init_cookie", guard)


@deviant("takes-any-solution-of-a-puzzle", "RFC8019-7.1.4-05")
def _any_solution() -> Rules:
    """Serves who brings a solution, and does not look at it."""

    def effort(context: Context, incoming: Incoming, given: Given) -> int | None:
        return None if incoming.find(v2.PuzzleSolution) is None else 255

    return HONEST.but("decisions", "effort", effort)


@deviant("looks-at-the-first-key-of-a-solution-alone", "RFC8019-7.1.4-06")
def _first_key() -> Rules:
    """Takes a solution for right if its first key is."""

    def effort(context: Context, incoming: Incoming, given: Given) -> int | None:
        solution = incoming.find(v2.PuzzleSolution)
        if solution is None or len(solution.data) < 4:
            return None
        bits = zero_bits(given.prf, solution.data[: len(solution.data) // 4], incoming.payloads[0].data)
        return bits if bits >= given.difficulty else None

    return HONEST.but("decisions", "effort", effort)


@deviant("opens-ike-auth-before-its-puzzle", "RFC8019-7.2.4-01")
def _unpuzzled() -> Rules:
    """Gives a puzzle for IKE_AUTH, and takes requests that do not solve it."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Incoming | None:
        kept = tuple(p for p in incoming.message.payloads if not isinstance(p, v2.PuzzleSolution))
        message = replace_message(incoming.message, payloads=kept)
        return replace(incoming, message=message) if sa.puzzle is not None else None

    return HONEST.but("guards", "sealed_puzzle", guard)


@deviant("gives-puzzles-that-are-none", "RFC8019-4.4-01")
def _trifles() -> Rules:
    """Gives puzzles of three zero bits, that anybody solves in no time."""

    def outgoing(context: Context, step: Step) -> Step:
        return replace(step, send=tuple(_with_difficulty(each, 3) for each in step.send))

    return HONEST.sending(outgoing)


def _with_difficulty(datagram: Datagram, bits: int) -> Datagram:
    """The datagram with another difficulty in its PUZZLE, if it has one."""
    message = decode(datagram.data)
    puzzle = message.find(v2.Notify, NotifyType.PUZZLE) if isinstance(message, Message) else None
    if puzzle is None or not isinstance(message, Message):
        return datagram
    bent = replace_message(puzzle, data=puzzle.data[:2] + bytes((bits,)))
    payloads = tuple(bent if each is puzzle else each for each in message.payloads)
    return datagram._replace(data=replace_message(message, payloads=payloads).encode())


@deviant("never-content-with-a-solution", "RFC8019-7.1.5-01")
def _insatiable() -> Rules:
    """Gives another puzzle to whoever solved one."""
    return HONEST.but("decisions", "effort", lambda *_: None)


@deviant("takes-any-solution-of-a-puzzle-without-cookie", "RFC8019-7.1.4-01")
def _no_cookie() -> Rules:
    """Serves who brings a solution, cookie or not."""
    honest = HONEST.guards["init_cookie"]

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        return None if incoming.find(v2.PuzzleSolution) is not None else honest(context, sa, incoming)

    return HONEST.but("guards", "init_cookie", guard)


@deviant("gives-puzzles-to-everybody", "RFC8019-6-03")
def _always() -> Rules:
    """Gives a puzzle to the first initiator that comes along."""
    honest = HONEST.guards["init_cookie"]

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        defence = replace(context.configuration.defence, puzzles=Puzzles(threshold=0))
        eager = replace(context, configuration=replace(context.configuration, defence=defence))
        return honest(eager, sa, incoming)

    return HONEST.but("guards", "init_cookie", guard)


# RFC 9329.


def _over_tcp(change: Callable[[Context, Datagram], Datagram]) -> Rules:
    """The honest table, with everything that leaves over TCP passed through `change`."""

    def outgoing(context: Context, step: Step) -> Step:
        sent = (change(context, each) if each.protocol == TCP_STREAM else each for each in step.send)
        return replace(step, send=tuple(sent))

    return HONEST.sending(outgoing)


@deviant("answers-tcp-by-udp", "RFC9329-5-03")
def _by_udp() -> Rules:
    """Takes requests over TCP and answers them over UDP."""
    return _over_tcp(lambda _, datagram: datagram._replace(protocol=UDP))


@deviant("detects-no-nats-over-tcp", "RFC9329-6.5-01")
def _no_nats() -> Rules:
    """Leaves NAT detection out of what it says over TCP."""
    left_out = (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)

    def change(context: Context, datagram: Datagram) -> Datagram:
        message = decode(datagram.data[4:])
        if not isinstance(message, Message) or message.exchange != Exchange.IKE_SA_INIT:
            return datagram
        kept = (p for p in message.payloads if getattr(p, "notify_type", None) not in left_out)
        bare = replace_message(message, payloads=tuple(kept)).encode()
        return datagram._replace(data=datagram.data[:4] + bare)

    return _over_tcp(change)


@deviant("answers-over-the-first-connection-alone", "RFC9329-6.1-07")
def _first_connection() -> Rules:
    """Sends everything of an IKE SA over the connection that it knows, whatever connection a request came over."""

    def change(context: Context, datagram: Datagram) -> Datagram:
        known = context.world.find(datagram.data[12:20])
        return datagram if known is None else datagram._replace(destination=known.remote)

    return _over_tcp(change)


@deviant("takes-several-ike-sas-on-a-connection", "RFC9329-6.1-11")
def _shared_connection() -> Rules:
    """Begins as many IKE SAs on one TCP connection as are asked for."""
    return HONEST.but("guards", "init_own_connection", lambda *_: None)


@deviant("demands-cookies-over-tcp", "RFC9329-6.3-01")
def _cookies() -> Rules:
    """Demands a cookie over TCP as it does over UDP."""
    honest = HONEST.guards["init_cookie"]

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        protocol = incoming.datagram.protocol
        step = honest(context, sa, replace(incoming, datagram=incoming.datagram._replace(protocol=UDP)))
        if step is None:
            return None
        return replace(step, send=tuple(each._replace(protocol=protocol) for each in step.send))

    return HONEST.but("guards", "init_cookie", guard)


@deviant("sends-fragments-over-tcp", "RFC9329-7.5-01")
def _fragments() -> Rules:
    """Cuts its part of IKE_AUTH over TCP as if the path could not bear it."""
    honest = HONEST.requests[State.HALF_OPEN, Exchange.IKE_AUTH]

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return honest(context, replace(sa, protocol=UDP), request)

    return HONEST.but("requests", (State.HALF_OPEN, Exchange.IKE_AUTH), cell)


# Cookies (RFC 7296 section 2.6).

_COOKIES = HONEST.guards["init_cookie"]


@deviant("takes-cookies-for-ever", "RFC7296-2.6-13")
def _eternal() -> Rules:
    """Never changes the secret that it makes cookies with."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        return _COOKIES(replace(context, now=0.0), sa, incoming)

    return HONEST.but("guards", "init_cookie", guard)


def _wanted(context: Context, incoming: Incoming) -> bool:
    """Whether a first message is in the group that would be chosen."""
    chosen = context.decide("choose_ike", incoming.find(v2.SecurityAssociation), 0)
    return chosen is not None and incoming.find(v2.KeyExchange).group == chosen.group


@deviant("demands-a-cookie-again-for-another-group", "RFC7296-2.6.1-02")
def _cookie_of_a_group() -> Rules:
    """Takes cookies only together with the group that it does not want."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        if not _wanted(context, incoming):
            return _COOKIES(context, sa, incoming)
        rest = tuple(p for p in incoming.payloads if getattr(p, "notify_type", None) != NotifyType.COOKIE)
        return _COOKIES(context, sa, replace(incoming, payloads=rest))

    return HONEST.but("guards", "init_cookie", guard)


@deviant("keeps-state-before-the-cookie-of-a-group", "RFC7296-2.6.1-03")
def _no_cookie_for_the_right_group() -> Rules:
    """Demands no cookie from who comes in the group that it wants."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        return None if _wanted(context, incoming) else _COOKIES(context, sa, incoming)

    return HONEST.but("guards", "init_cookie", guard)
