"""Responders that break rules of what a gateway has for remote clients, each for the cases that must catch it."""

from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

from harness.codes import CfgAttribute, CfgType, Exchange, NotifyType, Protocol
from harness.responder.addresses import free_address
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.initiate import start_ike_sa
from harness.responder.rules import HONEST
from harness.responder.state import IkeSa, Own, Resumed, State, Timer
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import Extension, Rules, Stage
from harness.responder.v2 import (
    authentication,
    crash_detection,
    informational,
    inner_addresses,
    mobility,
    proofs,
    redirect,
    resumption,
    tickets,
)
from harness.responder.v2.messages import closed, respond, unseal
from harness.responder.v2.own import begin
from harness.values import replace
from harness.wire import replace as replace_message
from harness.wire import v2
from harness.wire.datagram import Endpoint
from harness.wire.v2.notify_data import Gateway, read

IKE_AUTH = (State.HALF_OPEN, Exchange.IKE_AUTH)
Added = tuple[IkeSa, tuple[Any, ...]]


def _extension(stage: Stage, name: str, rule: Extension) -> Rules:
    return HONEST.but("extensions", (stage, name), rule)


def _but_notifies(payloads: tuple[Any, ...], *kinds: int) -> tuple[Any, ...]:
    """The payloads without notifies of these types."""
    return tuple(p for p in payloads if getattr(p, "notify_type", None) not in kinds)


def rewritten(
    step: Step, context: Context, request: Incoming, rewrite: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> Step:
    """The step with what its response holds rewritten; the rest of it stays."""
    after = step.changed[0]
    assert isinstance(after, IkeSa)
    served = after.answer_to(request.message.message_id)
    assert served is not None
    opened = unseal(after, replace(request, octets=served.response[0]), by_initiator=after.we_started)
    assert isinstance(opened, Incoming)
    again = respond(context, after, request, *rewrite(opened.payloads))
    return replace(step, send=again.send, changed=(*again.changed, *step.changed[1:]))


def _auth_answers(rewrite: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Rules:
    """The honest table in which the last response of IKE_AUTH is rewritten."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        return rewritten(step, context, request, rewrite)

    return HONEST.but("requests", IKE_AUTH, cell)


# Inner addresses (RFC 7296 sections 2.19 and 3.15).


def _addresses(change: Callable[[Context, Incoming, IkeSa, tuple[Any, ...]], Added]) -> Rules:
    """The honest table in which what is said of inner addresses in IKE_AUTH is changed."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        return change(context, request, *inner_addresses.assigned_address(context, sa, request))

    return _extension("auth", "assigned_address", extension)


@deviant("configures-who-did-not-ask", "RFC7296-2.19-09")
def _unasked() -> Rules:
    """Sends CFG_REPLY to clients that asked for nothing."""
    asking = v2.Configuration(
        CfgType.CFG_REQUEST, (v2.ConfigurationAttribute(CfgAttribute.INTERNAL_IP4_ADDRESS),)
    )

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        asked = replace(request, payloads=(*request.payloads, asking))
        return inner_addresses.assigned_address(context, sa, asked)

    return _extension("auth", "assigned_address", extension)


@deviant("puts-cp-behind-the-child", "RFC7296-2.19-03")
def _late_cp() -> Rules:
    """Puts the Configuration payload at the end of its IKE_AUTH response."""
    return _auth_answers(
        lambda payloads: tuple(sorted(payloads, key=lambda p: isinstance(p, v2.Configuration)))
    )


def _replies(change: Callable[[v2.Configuration], v2.Configuration]) -> Rules:
    """The honest table in which the CFG_REPLY of IKE_AUTH is changed."""
    return _addresses(
        lambda _c, _r, sa, added: (
            sa,
            tuple(change(p) if isinstance(p, v2.Configuration) else p for p in added),
        )
    )


@deviant("gives-addresses-of-five-octets", "RFC7296-3.15.1-03")
def _five_octets() -> Rules:
    """Gives the address with a prefix length behind it, as only IPv6 has it."""

    def change(reply: v2.Configuration) -> v2.Configuration:
        first, *others = reply.attributes
        longer = v2.ConfigurationAttribute(first.type, value=first.value + b"\x1d")
        return replace_message(reply, attributes=(longer, *others))

    return _replies(change)


@deviant("gives-more-addresses-than-asked-for", "RFC7296-3.15.1-07")
def _generous() -> Rules:
    """Gives the address twice to who asked for one."""
    return _replies(lambda reply: replace_message(reply, attributes=(*reply.attributes, reply.attributes[0])))


@deviant("gives-one-address-twice", "RFC7296-2.19-01")
def _shares() -> Rules:
    """Gives clients the address that they wish, whoever has it."""

    def address_for(context: Context, sa: IkeSa, wanted: bytes) -> bytes | None:
        pool = context.configuration.pool
        return wanted if wanted and pool is not None and wanted in pool else None

    return HONEST.but("decisions", "address_for", address_for)


@deviant("serves-another-address-than-it-gives", "RFC7296-3.15.1-08")
def _other_address() -> Rules:
    """Makes the child for another address than that of its CFG_REPLY."""

    def change(context: Context, request: Incoming, sa: IkeSa, added: tuple[Any, ...]) -> Added:
        given = sa.session.address
        other = given[:-1] + bytes([given[-1] ^ 4]) if given else b""
        return replace(sa, session=replace(sa.session, address=other)), added

    return _addresses(change)


@deviant("needs-no-cp", "RFC7296-2.19-10")
def _no_cp_needed() -> Rules:
    """Makes a child for clients that ask for no address, where they must."""
    return _addresses(lambda _c, _r, sa, added: (sa, _but_notifies(added, NotifyType.FAILED_CP_REQUIRED)))


@deviant("makes-a-child-without-an-address", "RFC7296-3.15.4-02")
def _homeless_child() -> Rules:
    """Says nothing of it when there is no address left, and makes the child."""
    return _addresses(
        lambda _c, _r, sa, added: (sa, _but_notifies(added, NotifyType.INTERNAL_ADDRESS_FAILURE))
    )


@deviant("has-no-ike-sa-without-an-address", "RFC7296-3.15.4-02")
def _no_address_no_sa() -> Rules:
    """Ends the IKE SA of clients that get no address."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        after = step.changed[0]
        assert isinstance(after, IkeSa)
        asked = request.find(v2.SecurityAssociation) is not None
        if after.children or not asked or context.configuration.pool is None:
            return step
        return replace(step, changed=(replace(after, state=State.CLOSED), *step.changed[1:]))

    return HONEST.but("requests", IKE_AUTH, cell)


def _strange(request: Incoming) -> bool:
    known = {int(each) for each in CfgAttribute}
    return any(a.type not in known for c in request.all(v2.Configuration) for a in c.attributes)


@deviant("stumbles-over-unknown-attributes", "RFC7296-3.15.1-26")
def _stumbles() -> Rules:
    """Fails when a CFG_REQUEST has an attribute that it does not know."""
    failed = v2.Notify(notify_type=NotifyType.INTERNAL_ADDRESS_FAILURE)
    return _addresses(lambda _c, request, sa, added: (sa, (failed,)) if _strange(request) else (sa, added))


@deviant("fails-for-the-other-family", "RFC7296-3.15.4-04")
def _one_family() -> Rules:
    """Fails when a client asks for an IPv6 address too, and there are only IPv4 ones."""
    failed = v2.Notify(notify_type=NotifyType.INTERNAL_ADDRESS_FAILURE)

    def change(context: Context, request: Incoming, sa: IkeSa, added: tuple[Any, ...]) -> Added:
        asked = {a.type for c in request.all(v2.Configuration) for a in c.attributes}
        return (sa, (failed,)) if CfgAttribute.INTERNAL_IP6_ADDRESS in asked else (sa, added)

    return _addresses(change)


def _configuration_asked(answer: Callable[[Incoming, tuple[Any, ...]], tuple[Any, ...]]) -> Rules:
    """The honest table in which what an INFORMATIONAL is told of configuration is changed."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        after, added = inner_addresses.configuration_asked(context, sa, request)
        return after, answer(request, added)

    return _extension("informational", "configuration_asked", extension)


@deviant("acknowledges-what-it-does-not-know", "RFC7296-3.15.1-29")
def _acknowledges() -> Rules:
    """Acknowledges every attribute of a CFG_SET."""

    def answer(request: Incoming, added: tuple[Any, ...]) -> tuple[Any, ...]:
        asked = next((c for c in request.all(v2.Configuration) if c.cfg_type == CfgType.CFG_SET), None)
        if asked is None:
            return added
        kinds = (v2.ConfigurationAttribute(a.type) for a in asked.attributes)
        return (v2.Configuration(CfgType.CFG_ACK, tuple(kinds)),)

    return _configuration_asked(answer)


@deviant("ends-its-version-with-nul", "RFC7296-3.15.1-17")
def _nul() -> Rules:
    """Puts a NUL behind its APPLICATION_VERSION."""

    def answer(request: Incoming, added: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            replace_message(c, attributes=tuple(map(_with_nul, c.attributes)))
            if isinstance(c, v2.Configuration)
            else c
            for c in added
        )

    return _configuration_asked(answer)


def _with_nul(attribute: v2.ConfigurationAttribute) -> v2.ConfigurationAttribute:
    if attribute.type != CfgAttribute.APPLICATION_VERSION:
        return attribute
    return v2.ConfigurationAttribute(attribute.type, value=attribute.value + b"\0")


# A first exchange without a child (RFC 6023).


@deviant("hides-that-it-needs-no-child", "RFC6023-3-01")
def _hides_childless() -> Rules:
    """Takes an IKE_AUTH without a child and never said so."""
    return _extension("init", "childless_supported", lambda _, sa, __: (sa, ()))


@deviant("announces-childless-under-no-protocol", "RFC6023-4-01")
def _protocol_0() -> Rules:
    """Says that it needs no child, with a Protocol ID of 0."""
    notify = v2.Notify(notify_type=NotifyType.CHILDLESS_IKEV2_SUPPORTED)
    return _extension("init", "childless_supported", lambda _, sa, __: (sa, (notify,)))


@deviant("announces-childless-always", "RFC6023-3-08")
def _announces() -> Rules:
    """Says that it needs no child, though it was told to need one."""
    notify = v2.Notify(protocol=Protocol.IKE, notify_type=NotifyType.CHILDLESS_IKEV2_SUPPORTED)
    return _extension("init", "childless_supported", lambda _, sa, __: (sa, (notify,)))


@deviant("takes-childless-always", "RFC6023-3-09")
def _takes_childless() -> Rules:
    """Takes an IKE_AUTH without a child, though it was told not to."""
    return HONEST.but("guards", "sealed_childless", lambda *_: None)


@deviant("needs-a-child-after-all", "RFC6023-3-04")
def _needs_child() -> Rules:
    """Refuses an IKE_AUTH without a child, though it said that it needs none."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        needing = replace(context, configuration=replace(context.configuration, childless=False))
        return HONEST.guards["sealed_childless"](needing, sa, incoming)

    return HONEST.but("guards", "sealed_childless", guard)


# Limits of an authentication (RFC 4478).


@deviant("keeps-the-limit-to-itself", "RFC4478-2-02")
def _secret_limit() -> Rules:
    """Ends SAs when their authentication is over, and tells nobody beforehand."""
    return _extension("auth", "auth_lifetime", lambda _, sa, __: (sa, ()))


@deviant("tells-the-limit-in-milliseconds", "RFC4478-3-01")
def _milliseconds() -> Rules:
    """Sends AUTH_LIFETIME with eight octets of milliseconds."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        seconds = context.configuration.auth_lifetime
        if seconds is None:
            return sa, ()
        data = int(seconds * 1000).to_bytes(8, "big")
        return sa, (v2.Notify(notify_type=NotifyType.AUTH_LIFETIME, data=data),)

    return _extension("auth", "auth_lifetime", extension)


@deviant("outlives-its-authentication", "RFC4478-2-03")
def _outlives() -> Rules:
    """Says that an authentication has an end, and goes on when it is over."""
    return HONEST.but("decisions", "authenticated_until", lambda *_: None)


@deviant("prolongs-an-authentication-by-a-rekey", "RFC4478-2-04")
def _prolongs() -> Rules:
    """Counts the limit of an authentication anew after each rekey of the IKE SA."""

    def until(context: Context, sa: IkeSa) -> float | None:
        seconds = context.configuration.auth_lifetime
        return None if seconds is None else sa.born + seconds

    return HONEST.but("decisions", "authenticated_until", until)


# REDIRECT (RFC 5685).


@deviant("redirects-without-the-nonce", "RFC5685-3-03")
def _no_nonce() -> Rules:
    """Answers IKE_SA_INIT with REDIRECT and no nonce, so that anybody could have sent it."""
    return HONEST.but("decisions", "gateway", lambda context, *_: redirect.gateway(context))


@deviant("redirects-with-a-nonce-always", "RFC5685-5-03")
def _always_a_nonce() -> Rules:
    """Has nonce data in every REDIRECT."""
    return HONEST.but(
        "decisions", "gateway", lambda context, nonce=b"": redirect.gateway(context, nonce or bytes(32))
    )


@deviant("redirects-under-an-spi", "RFC5685-3-05")
def _under_an_spi() -> Rules:
    """Answers IKE_SA_INIT with REDIRECT as though there were an IKE SA now."""

    def guard(context: Context, sa: IkeSa, incoming: Incoming) -> Step | None:
        named = replace(incoming, message=replace_message(incoming.message, spi_r=context.entropy.octets(8)))
        return HONEST.guards["init_redirected"](context, sa, named)

    return HONEST.but("guards", "init_redirected", guard)


@deviant("redirects-everybody", "RFC5685-3-04")
def _everybody() -> Rules:
    """Sends clients away that never said that they can be redirected."""
    return HONEST.but("decisions", "can_be_redirected", lambda *_: True)


@deviant("redirects-with-a-child", "RFC5685-6-01")
def _with_a_child() -> Rules:
    """Redirects an authenticated client, and makes its child all the same."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        there = (context.decide("gateway"),) if redirect.redirects(context, "auth") else ()
        step = authentication.answer_ike_auth(context, sa, request)
        return rewritten(step, context, request, lambda payloads: (*payloads, *there))

    silent = _extension("auth", "redirected_when_authenticated", lambda _, sa, __: (sa, ()))
    return silent.but("requests", IKE_AUTH, cell)


@deviant("redirects-before-it-believes", "RFC5685-6-02")
def _before_it_believes() -> Rules:
    """Tells clients of the other gateway whatever they prove."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        if not redirect.redirects(context, "auth"):
            return authentication.answer_ike_auth(context, sa, request)
        return closed(context, respond(context, sa, request, context.decide("gateway")), "ike-sa-gone")

    return HONEST.but("requests", IKE_AUTH, cell)


@deviant("redirects-once", "RFC5685-5-04")
def _once() -> Rules:
    """Does not repeat a REDIRECT that nobody answers."""

    def timer(context: Context, sa: IkeSa, armed: Armed) -> Step:
        asked = sa.asked(armed.about) if isinstance(armed.about, int) else None
        if asked is not None and asked.own.kind == "redirect":
            return NOTHING
        return HONEST.timers[2, Timer.RETRANSMIT](context, sa, armed)

    return HONEST.but("timers", (2, Timer.RETRANSMIT), timer)


@deviant("lets-itself-be-redirected", "RFC5685-10-01")
def _follows() -> Rules:
    """Goes where REDIRECT of the original initiator sends it."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = informational.answer_informational(context, sa, request)
        notify = request.find(v2.Notify, NotifyType.REDIRECT)
        gateway = None if notify is None else read(Gateway, notify.data)
        if gateway is None or len(gateway.identity) != 4:
            return step
        there = Endpoint(str(ip_address(gateway.identity)), sa.remote.port)
        return step.then(start_ike_sa(context, (sa.local, there)))

    return HONEST.but("requests", (State.ESTABLISHED, Exchange.INFORMATIONAL), cell)


# Session resumption (RFC 5723).


def _tickets(stage: Stage, change: Callable[[Context, tuple[Any, ...]], tuple[Any, ...]]) -> Rules:
    """The honest table in which the answer to TICKET_REQUEST is changed."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        after, added = resumption.ticket_asked(context, sa, request)
        return after, change(context, added)

    return _extension(stage, "ticket_asked", extension)


@deviant("passes-ticket-requests-over", "RFC5723-4.1-04")
def _no_answer() -> Rules:
    """Says nothing to TICKET_REQUEST."""
    return _tickets("auth", lambda *_: ())


@deviant("gives-no-ticket-with-a-rekey", "RFC5723-4.1-02")
def _no_ticket_with_a_rekey() -> Rules:
    """Says nothing to TICKET_REQUEST in the rekey of the IKE SA."""
    return _tickets("rekey", lambda *_: ())


@deviant("gives-tickets-for-ever", "RFC5723-6.2-05")
def _for_ever() -> Rules:
    """Gives tickets without an end."""

    def change(_: Context, added: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace_message(n, data=b"\xff" * 4 + n.data[4:]) for n in added)

    return _tickets("auth", change)


@deviant("gives-a-ticket-in-place-of-a-child", "RFC5723-4.1-06")
def _in_place_of_a_child() -> Rules:
    """Makes no child for clients that get a ticket."""
    child = (v2.SecurityAssociation, v2.TrafficSelectorsI, v2.TrafficSelectorsR)

    def rewrite(payloads: tuple[Any, ...]) -> tuple[Any, ...]:
        ticket = any(getattr(p, "notify_type", None) == NotifyType.TICKET_LT_OPAQUE for p in payloads)
        return tuple(p for p in payloads if not (ticket and isinstance(p, child)))

    return _auth_answers(rewrite)


RESUME = (State.IDLE, Exchange.IKE_SESSION_RESUME)


@deviant("resumes-under-the-old-spi", "RFC5723-5-05")
def _old_spi() -> Rules:
    """Resumes a session under the responder SPI that it had before."""
    return HONEST.but("decisions", "spi_after", lambda _, resumed: resumed.spi_r)


@deviant("is-silent-on-bad-tickets", "RFC5723-4.3.2-04")
def _silent_on_bad_tickets() -> Rules:
    """Does not answer IKE_SESSION_RESUME with a ticket that it refuses."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = resumption.answer_session_resume(context, sa, request)
        return step if step.changed else replace(step, send=())

    return HONEST.but("requests", RESUME, cell)


def _accepts(otherwise: Callable[[Context, bytes], Resumed | str]) -> Rules:
    return HONEST.but("decisions", "accept_ticket", otherwise)


@deviant("takes-tickets-twice", "RFC5723-4.3.1-04")
def _twice() -> Rules:
    """Takes a ticket however often it was used."""
    return _accepts(tickets.read)


@deviant("takes-expired-tickets", "RFC5723-6.1-06")
def _expired() -> Rules:
    """Takes a ticket however old it is."""
    return _accepts(lambda context, ticket: tickets.read(replace(context, now=0.0), ticket))


@deviant("spends-tickets-at-once", "RFC5723-4.3.1-05")
def _at_once() -> Rules:
    """Takes a ticket for used as soon as it was shown."""

    def accepts(context: Context, ticket: bytes) -> Resumed | str:
        name = sha256(ticket).digest()
        shown = any(isinstance(sa, IkeSa) and sa.session.ticket == name for sa in context.world.all())
        return "shown before" if shown else resumption.accept_ticket(context, ticket)

    return _accepts(accepts)


@deviant("resumes-for-anybody", "RFC5723-4.3.3-03")
def _anybody() -> Rules:
    """Resumes a session for whoever has its ticket and keys, under any name."""

    def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
        assert sa.resumed is not None
        renamed = replace(sa, resumed=replace(sa.resumed, id_i=who.body))
        return proofs.believes_resumed(context, renamed, who, auth)

    return HONEST.but("decisions", "believes_resumed", believes)


@deviant("takes-any-auth-in-resumption", "RFC5723-4.3.3-02")
def _any_auth() -> Rules:
    """Resumes a session whatever its client proves."""
    return HONEST.but("decisions", "believes_resumed", lambda *_: True)


@deviant("proves-a-resumed-session-by-the-shared-key", "RFC5723-4.3.3-02")
def _shared_key() -> Rules:
    """Proves itself in a resumed session as in a first one."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        if sa.resumed is None or not isinstance(step.changed[0], IkeSa) or not step.changed[0].up:
            return step
        ours = proofs.presented_id(context.configuration, v2.IdResponder)
        plain = proofs.prove(context, replace(sa, resumed=None), ours)
        assert plain is not None
        return rewritten(
            step,
            context,
            request,
            lambda payloads: tuple(plain[-1] if isinstance(p, v2.Authentication) else p for p in payloads),
        )

    return HONEST.but("requests", IKE_AUTH, cell)


@deviant("shows-certificates-in-resumption", "RFC5723-4.3.3-04")
def _certificates() -> Rules:
    """Has a CERT in its IKE_AUTH of a resumed session."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        shown = () if sa.resumed is None else (v2.Certificate(encoding=4, data=b"\x30\x00"),)
        return rewritten(step, context, request, lambda payloads: (*payloads, *shown))

    return HONEST.but("requests", IKE_AUTH, cell)


def _after_resumption(change: Callable[[Context, IkeSa, Step], Step]) -> Rules:
    """The honest table in which the step that resumes a session is changed; it is given the half-open SA."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        return step if sa.resumed is None else change(context, sa, step)

    return HONEST.but("requests", IKE_AUTH, cell)


@deviant("keeps-the-session-that-was-resumed", "RFC5723-4.3.4-01")
def _keeps() -> Rules:
    """Leaves the IKE SA that was resumed as it stands."""
    return _after_resumption(lambda _, __, step: replace(step, gone=()))


@deviant("deletes-the-session-that-was-resumed-aloud", "RFC5723-4.3.4-01")
def _aloud() -> Rules:
    """Sends a Delete for the IKE SA that was resumed."""

    def change(context: Context, sa: IkeSa, step: Step) -> Step:
        old = context.world.find(sa.resumed.spi_r) if sa.resumed is not None else None
        kept = replace(step, gone=())
        return kept if not isinstance(old, IkeSa) else kept.then(begin(context, old, Own("close-ike")))

    return _after_resumption(change)


@deviant("resumes-mobike-as-well", "RFC5723-5-09")
def _resumes_mobike() -> Rules:
    """Takes MOBIKE for agreed in a resumed session."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        if sa.resumed is None:
            return mobility.mobike_supported(context, sa, request)
        return mobility.mobike_supported(
            context, sa, replace(request, payloads=(*request.payloads, mobility.SUPPORTED))
        )

    return _extension("auth", "mobike_supported", extension)


@deviant("gives-resumed-clients-another-address", "RFC5723-5-06")
def _another_address() -> Rules:
    """Gives clients that resume a session an address as if they had just come."""
    return HONEST.but("decisions", "address_for", lambda context, _, wanted: free_address(context, wanted))


# Tokens of lost SAs (RFC 6290).


def _tokens(stage: Stage, change: Callable[[v2.Notify], v2.Notify | None]) -> Rules:
    """The honest table in which the token of a new IKE SA is changed, or left out."""

    def extension(context: Context, sa: IkeSa, request: Incoming) -> Added:
        after, added = crash_detection.token_given(context, sa, request)
        return after, tuple(n for n in map(change, added) if n is not None)

    return _extension(stage, "token_given", extension)


@deviant("gives-no-token", "RFC6290-3-01")
def _no_token() -> Rules:
    """Shows tokens when it has lost an IKE SA, and gave none before."""
    return _tokens("auth", lambda _: None)


@deviant("gives-no-token-with-a-rekey", "RFC6290-4.3-01")
def _no_token_with_a_rekey() -> Rules:
    """Gives no token for the IKE SA that a rekey makes."""
    return _tokens("rekey", lambda _: None)


@deviant("gives-short-tokens", "RFC6290-5-01")
def _short() -> Rules:
    """Gives tokens of eight octets."""
    return _tokens("auth", lambda n: replace_message(n, data=n.data[:8]))


@deviant("gives-tokens-about-nothing", "RFC6290-4.1-01")
def _about_nothing() -> Rules:
    """Gives tokens with a Protocol ID of 0."""
    return _tokens("auth", lambda n: replace_message(n, protocol=Protocol.NONE))


@deviant("gives-every-sa-one-token", "RFC6290-5-05")
def _one_token() -> Rules:
    """Gives every IKE SA the same token."""
    return HONEST.but("decisions", "token_under", lambda _, secret, *__: sha256(secret).digest())


@deviant("keeps-its-tokens-to-itself", "RFC6290-3-04")
def _to_itself() -> Rules:
    """Gives tokens and shows none when it has lost the IKE SA."""
    return HONEST.but("decisions", "tokens_of_a_lost_sa", lambda *_: ())


@deviant("shows-tokens-of-the-hour", "RFC6290-1.1-01")
def _of_the_hour() -> Rules:
    """Makes tokens by the time, so that it shows another one than it gave."""

    def token(context: Context, secret: bytes, spi_i: bytes, spi_r: bytes) -> bytes:
        return crash_detection.token(secret + str(context.now).encode(), spi_i, spi_r)

    return HONEST.but("decisions", "token_under", token)


@deviant("shows-the-token-of-a-live-sa", "RFC6290-9.2-01")
def _of_a_live_sa() -> Rules:
    """Shows the token of an IKE SA that stands to who asks with the wrong flags or SPIs."""

    def shows(context: Context, incoming: Incoming) -> tuple[v2.Notify, ...]:
        ours, message = context.configuration.crash_detection, incoming.message
        if ours is None:
            return ()
        pairs = ((message.spi_i, message.spi_r), (message.spi_r, message.spi_i))
        tokens = (context.decide("token_under", secret, *pair) for secret in ours.secrets for pair in pairs)
        kind = NotifyType.QUICK_CRASH_DETECTION
        return tuple(v2.Notify(protocol=Protocol.IKE, notify_type=kind, data=each) for each in tokens)

    return HONEST.but("decisions", "tokens_of_a_lost_sa", shows)


def _crashed(otherwise: Callable[[Context, IkeSa, Incoming], bool]) -> Rules:
    return HONEST.but("decisions", "peer_has_crashed", otherwise)


@deviant("ignores-tokens", "RFC6290-3-07")
def _ignores() -> Rules:
    """Lets an IKE SA stand whose peer shows that it has lost it."""
    return _crashed(lambda *_: False)


@deviant("believes-any-token", "RFC6290-3-05")
def _any_token() -> Rules:
    """Ends an IKE SA for any token."""
    return _crashed(
        lambda _, __, incoming: incoming.find(v2.Notify, NotifyType.QUICK_CRASH_DETECTION) is not None
    )


@deviant("takes-tokens-from-home-alone", "RFC6290-3-09")
def _from_home() -> Rules:
    """Takes tokens only from where its peer is."""

    def crashed(context: Context, sa: IkeSa, incoming: Incoming) -> bool:
        at_home = incoming.datagram.source == sa.remote
        return at_home and crash_detection.peer_has_crashed(context, sa, incoming)

    return _crashed(crashed)


@deviant("looks-at-one-token", "RFC6290-4.5-02")
def _one_of_them() -> Rules:
    """Looks at the first token of a message alone."""

    def crashed(context: Context, sa: IkeSa, incoming: Incoming) -> bool:
        first = incoming.all(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)[:1]
        return crash_detection.peer_has_crashed(context, sa, replace(incoming, payloads=first))

    return _crashed(crashed)


@deviant("keeps-the-first-token", "RFC6290-4.4-02")
def _first_token() -> Rules:
    """Keeps the token of IKE_AUTH whatever comes later."""
    return _extension("informational", "token_replaced", lambda _, sa, __: (sa, ()))
