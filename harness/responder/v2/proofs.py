"""RFC 7296 section 2.15: what an AUTH payload covers and by what it is proved, for both ends and every method."""

import hmac
from typing import Any

from harness.codes import AuthMethod, IdType
from harness.profile import Configuration, Identity, Proof
from harness.responder.context import Context
from harness.responder.state import IkeSa
from harness.responder.table import TABLE
from harness.responder.v2.certificates import sign, signature_holds
from harness.sa.v2 import psk_auth, resumed_auth, signed_octets
from harness.wire import v2

MACS = {"psk": AuthMethod.SHARED_KEY, "eap": AuthMethod.SHARED_KEY, "null": AuthMethod.NULL}
"""The methods whose AUTH is a MAC under some secret."""


@TABLE.decision(rfc="7296/2.15")
def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
    """Whether the peer is who it must be, and its AUTH proves that in the way that is asked of it."""
    if sa.resumed is not None:
        return bool(context.decide("believes_resumed", sa, who, auth))
    proof = context.configuration.remote_auth
    if (proof == "eap") != (sa.authenticating.eap is not None):
        return False
    if (
        proof == "null" and not sa.authenticating.mixed
    ):  # RFC 7619 section 2.2: what is not proved means nothing
        return _mac_holds(context, sa, proof, who, auth)
    if not context.decide("knows", who):
        return False
    if proof == "signature":
        return signature_holds(context, sa, who, auth, covered_octets(sa, who.body, ours=False))
    return _mac_holds(context, sa, proof, who, auth)


@TABLE.decision(rfc="7296/2.15")
def knows(context: Context, who: Any) -> bool:
    """Whether the configuration has a peer of this identity; without one configured, every identity will do."""
    wanted = context.configuration.remote_id
    return wanted is None or own_id(wanted, type(who)).body == who.body


@TABLE.decision(rfc="5723/4.3.3")
def believes_resumed(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
    """Whether the peer is who its ticket says, and its AUTH proves the fresh keys."""
    assert sa.resumed is not None
    return who.body == sa.resumed.id_i and hmac.compare_digest(_resumed(sa, who, ours=False), auth.data)


def prove(context: Context, sa: IkeSa, ours: Any) -> tuple[Any, ...] | None:
    """Our AUTH payload under our ID payload, and before it certificates; None if nothing of ours would be understood."""
    if sa.resumed is not None:
        return (v2.Authentication(method=AuthMethod.SHARED_KEY, data=_resumed(sa, ours, ours=True)),)
    if context.configuration.local_auth == "signature":
        return sign(context, sa, covered_octets(sa, ours.body, ours=True))
    return (_mac(context, sa, context.configuration.local_auth, ours),)


def prove_after_eap(context: Context, sa: IkeSa, ours: Any) -> tuple[Any, ...]:
    """The AUTH payload that follows EAP (section 2.16)."""
    return (_mac(context, sa, "eap", ours),)


def _mac(context: Context, sa: IkeSa, proof: Proof, ours: Any) -> v2.Authentication:
    return v2.Authentication(method=MACS[proof], data=_mac_data(context, sa, proof, ours, ours=True))


def _mac_holds(context: Context, sa: IkeSa, proof: Proof, who: Any, auth: Any) -> bool:
    expected = _mac_data(context, sa, proof, who, ours=False)
    return bool(auth.method == MACS[proof]) and hmac.compare_digest(expected, auth.data)


def _mac_data(context: Context, sa: IkeSa, proof: Proof, identity: Any, *, ours: bool) -> bytes:
    assert sa.keys is not None
    secret = _secret(context, sa, proof, ours=ours)
    return psk_auth(sa.keys.suite.prf, secret, covered_octets(sa, identity.body, ours=ours))


def _secret(context: Context, sa: IkeSa, proof: Proof, *, ours: bool) -> bytes:
    """What a MAC is made with: the shared key, EAP's key, or where there is none SK_p of the sender."""
    eap = sa.authenticating.eap
    if proof == "psk":
        return context.configuration.psk
    return eap.msk if proof == "eap" and eap is not None and eap.msk else _sk_p(sa, ours=ours)


def _resumed(sa: IkeSa, identity: Any, *, ours: bool) -> bytes:
    """The AUTH data in a resumed session, with SK_p in place of a padded secret (RFC 5723 section 4.3.3)."""
    assert sa.keys is not None
    covered = covered_octets(sa, identity.body, ours=ours)
    return resumed_auth(sa.keys.suite.prf, _sk_p(sa, ours=ours), covered)


def covered_octets(sa: IkeSa, id_body: bytes, *, ours: bool) -> bytes:
    """What an end's AUTH covers: its IKE_SA_INIT message, the other's nonce, its identity under SK_p, IntAuth (RFC 9242)."""
    assert sa.keys is not None
    message, nonce = (sa.init_request, sa.nr) if sa.we_started == ours else (sa.init_response, sa.ni)
    sk_p, prf = _sk_p(sa, ours=ours), sa.keys.suite.prf
    return signed_octets(message, nonce, id_body, sk_p, prf) + sa.int_auth.octets


def _sk_p(sa: IkeSa, *, ours: bool) -> bytes:
    """SK_pi or SK_pr: our key or the peer's."""
    assert sa.keys is not None
    return sa.keys.sk_pi if sa.we_started == ours else sa.keys.sk_pr


def presented_id(configuration: Configuration, payload: type) -> Any:
    """Our ID payload of the given class: the configured identity, or ID_NULL of who proves nothing (RFC 7619)."""
    if configuration.local_auth == "null" and configuration.ppk is None:  # RFC 8784 section 5.2.3
        return payload(id_type=IdType.ID_NULL, data=b"")
    return own_id(configuration.local_id, payload)


def own_id(identity: Identity, payload: type) -> Any:
    """An ID payload of the given class for a configured identity (section 3.5)."""
    return payload(id_type=identity.id_type, data=identity.data)


def proved_identity(sa: IkeSa, who: Any, auth: Any) -> bytes:
    """By what the peer's SAs are known as its own: what it proved to be; empty for who proved nothing (RFC 7619)."""
    eap = sa.authenticating.eap
    if sa.resumed is not None:
        return sa.resumed.proved
    if eap is not None:
        return b"" if eap.user is None else b"EAP " + eap.user.name.encode()
    nothing = auth.method == AuthMethod.NULL and not sa.authenticating.mixed
    return b"" if nothing else bytes(who.body)
