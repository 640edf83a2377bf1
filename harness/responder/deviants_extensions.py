"""Responders that break rules of what a gateway has for remote clients, each for the cases that must catch it."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from harness.codes import CfgAttribute, CfgType, Exchange, NotifyType, Protocol
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.initiate import start_ike_sa
from harness.responder.rules import HONEST
from harness.responder.state import IkeSa, State, Timer
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import Extension, Rules
from harness.responder.v2 import authentication, informational, inner_addresses, redirect
from harness.responder.v2.messages import closed, respond, unseal
from harness.responder.values import replace
from harness.wire import replace as replace_message
from harness.wire import v2
from harness.wire.datagram import Endpoint
from harness.wire.v2.notify_data import Gateway, read

IKE_AUTH = (State.HALF_OPEN, Exchange.IKE_AUTH)
Added = tuple[IkeSa, tuple[Any, ...]]


def _extension(stage: str, name: str, rule: Extension) -> Rules:
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
