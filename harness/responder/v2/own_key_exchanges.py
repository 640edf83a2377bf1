"""Key exchanges that we began: the secret of each, and the additional ones that go on after it (RFC 9242, RFC 9370)."""

from harness.codes import Exchange, NotifyType
from harness.crypto.key_exchange import InvalidPublicValue, key_exchange
from harness.responder.context import Context, Incoming
from harness.responder.state import FollowUp, IkeSa, Outstanding, Own
from harness.responder.step import Step
from harness.responder.v2.messages import header, request
from harness.sa.intermediate import bare_octets_of, bare_octets_with, updated_keys
from harness.values import replace
from harness.wire import v2

SUPPORTED = v2.Notify(notify_type=NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)


def secret_of(asked: Outstanding, response: Incoming) -> bytes | None:
    """The shared secret of our key exchange with the peer's KE payload; empty without one, None if refused."""
    private = asked.private
    if private is None:
        return b""
    theirs = response.find(v2.KeyExchange)
    if theirs is None or theirs.group != private.group:
        return None
    try:
        return private.shared(theirs.data)
    except InvalidPublicValue:
        return None


def supported(context: Context) -> tuple[v2.Notify, ...]:
    """INTERMEDIATE_EXCHANGE_SUPPORTED, which goes with every offer of additional key exchanges (RFC 9370 section 2.2.1)."""
    wanted = any(suite.additional for suite in context.configuration.proposals_v2)
    return (SUPPORTED,) if wanted else ()


def agreed(response: Incoming) -> bool:
    """Whether the peer is for IKE_INTERMEDIATE as well."""
    return response.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is not None


def ask_intermediate(context: Context, sa: IkeSa) -> Step:
    """IKE_INTERMEDIATE with the next additional key exchange (RFC 9370 section 2.2.2)."""
    private = key_exchange(sa.additional[0]).private(context.entropy)
    own, ke = Own("intermediate"), v2.KeyExchange(group=private.group, data=private.public)
    return request(context, sa, own, Exchange.IKE_INTERMEDIATE, ke, private=private)


def took_intermediate(sa: IkeSa, asked: Outstanding, response: Incoming) -> IkeSa | None:
    """The SA under the keys that the exchange made, AUTH to cover it; None if the peer made none of it."""
    shared = secret_of(asked, response)
    if not shared or asked.private is None:
        return None
    assert sa.keys is not None
    sent = v2.KeyExchange(group=asked.private.group, data=asked.private.public)
    ours = bare_octets_with(header(sa, Exchange.IKE_INTERMEDIATE, 0, asked.message_id), (sent,))
    theirs = bare_octets_of(response.message, response.payloads[0].type, response.plaintext)
    return replace(
        sa,
        int_auth=sa.int_auth.then(sa.keys, ours, theirs),
        keys=updated_keys(sa.keys, sa.ni, sa.nr, shared),
        additional=sa.additional[1:],
        outstanding=(),
    )


def ask_follow_up(
    context: Context, sa: IkeSa, asked: Outstanding, response: Incoming, done: FollowUp
) -> Step | None:
    """IKE_FOLLOWUP_KE with the next key exchange, under the link of the response; None if that names none."""
    named = response.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE)
    if named is None:
        return None
    private = key_exchange(done.methods[0]).private(context.entropy)
    payloads = (
        v2.KeyExchange(group=private.group, data=private.public),
        v2.Notify(notify_type=NotifyType.ADDITIONAL_KEY_EXCHANGE, data=named.data),
    )
    others = tuple(each for each in sa.outstanding if each is not asked)
    return request(
        context,
        replace(sa, outstanding=others),
        asked.own,
        Exchange.IKE_FOLLOWUP_KE,
        *payloads,
        ours=asked.ours,
        nonce=asked.nonce,
        private=private,
        follows=done,
        rival=asked.rival,
    )
