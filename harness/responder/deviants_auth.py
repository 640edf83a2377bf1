"""Responders that authenticate wrongly in version 2, each for the cases that must catch it."""

from typing import Any

from harness.codes import AuthMethod, EapCode, EapType, Exchange, NotifyType
from harness.crypto.scheme import PrivateKey, Scheme
from harness.crypto.signature import auth_methods, choose
from harness.responder import eap
from harness.responder.context import Context, Incoming
from harness.responder.deviant import deviant
from harness.responder.rules import HONEST
from harness.responder.state import IkeSa, State
from harness.responder.step import Step
from harness.responder.table import Rules
from harness.responder.v2 import authentication, certificates, ppk, proofs
from harness.responder.v2.ppk import Settled
from harness.values import replace
from harness.wire import v2
from harness.wire.eap import EapMessage

IKE_AUTH = (State.HALF_OPEN, Exchange.IKE_AUTH)
Signing = tuple[AuthMethod, Scheme | None]


# Signatures and certificates.


@deviant("accepts-any-signature", "RFC7296-1.2-08")
def _any_signature() -> Rules:
    """Believes every signature, if the certificate beside it is good."""
    return HONEST.but("decisions", "signed", lambda *_: True)


@deviant("trusts-any-certificate", "RFC7296-1.2-08")
def _any_certificate() -> Rules:
    """Believes a signature by the key of any certificate, whoever issued it."""
    return HONEST.but("decisions", "trusts", lambda *_: True)


@deviant("ignores-lifetimes-of-certificates", "RFC7296-1.2-08")
def _timeless() -> Rules:
    """Takes certificates that have expired, or are not valid yet."""

    def trusts(context: Context, end: Any, others: Any) -> bool:
        return certificates.trusts(replace(context, now=end.not_before), end, others)

    return HONEST.but("decisions", "trusts", trusts)


@deviant("takes-any-certificate-for-the-identity", "RFC7296-2.21.2-01")
def _any_name() -> Rules:
    """Does not ask whether the certificate names the identity that the peer gives."""
    return HONEST.but("decisions", "certifies", lambda *_: True)


@deviant("signs-with-a-hash-nobody-named", "RFC7427-4-02")
def _own_hash() -> Rules:
    """Signs with the hash that it likes best, whatever the peer named."""

    def signs_by(context: Context, sa: IkeSa, key: PrivateKey) -> Signing:
        honest = certificates.signs_by(context, sa, key)
        mine = choose(key, certificates.HASHES)
        return (honest[0], mine) if sa.authenticating.hashes else honest

    return HONEST.but("decisions", "signs_by", signs_by)


@deviant("signs-by-the-older-method", "RFC7427-3-07")
def _older() -> Rules:
    """Signs as before Digital Signature, although both ends named hash algorithms."""
    return HONEST.but("decisions", "signs_by", lambda *given: (auth_methods(given[-1])[-1], None))


@deviant("signs-by-method-14-always", "RFC7427-3-01")
def _always_14() -> Rules:
    """Signs by Digital Signature for peers that never named a hash algorithm."""

    def signs_by(context: Context, sa: IkeSa, key: PrivateKey) -> Signing:
        return AuthMethod.DIGITAL_SIGNATURE, choose(key, sa.authenticating.hashes or certificates.HASHES)

    return HONEST.but("decisions", "signs_by", signs_by)


# EAP.


@deviant("skips-its-signature-with-eap", "RFC7296-2.16-01")
def _unsigned() -> Rules:
    """Leaves it to EAP to prove who it is, though nobody asked for that."""
    only = v2.Notify(notify_type=NotifyType.EAP_ONLY_AUTHENTICATION)

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        return authentication.answer_ike_auth(
            context, sa, replace(request, payloads=(*request.payloads, only))
        )

    alone = HONEST.but("decisions", "trusts_eap_alone", lambda *_: True)
    return alone.but("requests", IKE_AUTH, cell)


@deviant("answers-eap-success-without-checking", "RFC7296-2.16-11")
def _any_password() -> Rules:
    """Ends EAP with Success whatever the client answers."""

    def hears(context: Context, talk: eap.Conversation, message: EapMessage) -> eap.Conversation:
        return talk.ends(EapCode.SUCCESS, user=context.configuration.users[0])

    return HONEST.but("decisions", "hears_eap", hears)


@deviant("takes-any-auth-after-eap", "RFC7296-2.15-13")
def _any_auth_after_eap() -> Rules:
    """Does not look at the AUTH that follows EAP."""

    def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
        return sa.authenticating.eap is not None or proofs.believes(context, sa, who, auth)

    return HONEST.but("decisions", "believes", believes)


@deviant("forgets-the-key-of-eap", "RFC7296-2.16-05")
def _forgets_msk() -> Rules:
    """Proves itself after EAP by SK_pr, whatever key EAP has made."""

    def keyed(sa: IkeSa, change: Any) -> IkeSa:
        talk = sa.authenticating.eap
        changed = None if talk is None else change(talk)
        return replace(sa, authenticating=replace(sa.authenticating, eap=changed))

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        hidden = keyed(
            sa, lambda talk: replace(talk, challenge=talk.msk, msk=b"") if talk.succeeded else talk
        )
        return authentication.answer_ike_auth(context, hidden, request)

    def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
        return proofs.believes(context, keyed(sa, lambda talk: replace(talk, msk=talk.challenge)), who, auth)

    return HONEST.but("requests", IKE_AUTH, cell).but("decisions", "believes", believes)


@deviant("serves-after-eap-success", "RFC7296-2.16-02")
def _up_too_soon() -> Rules:
    """Takes the IKE SA for up as soon as EAP has succeeded, before any AUTH."""

    def cell(context: Context, sa: IkeSa, request: Incoming) -> Step:
        step = authentication.answer_ike_auth(context, sa, request)
        after = step.changed[0]
        assert isinstance(after, IkeSa)
        talk = after.authenticating.eap
        if talk is None or not talk.succeeded:
            return step
        return replace(step, changed=(replace(after, state=State.ESTABLISHED), *step.changed[1:]))

    return HONEST.but("requests", IKE_AUTH, cell)


@deviant("asks-for-the-identity-again", "RFC7296-3.16-06")
def _asks_again() -> Rules:
    """Begins EAP by asking who is there, though IDi has said so."""

    def begins(context: Context) -> eap.Conversation:
        question = EapMessage(EapCode.REQUEST, 1, EapType.IDENTITY)
        return replace(authentication.begins_eap(context), said=question)

    def hears(context: Context, talk: eap.Conversation, message: EapMessage) -> eap.Conversation:
        if message.type == EapType.IDENTITY:
            return authentication.begins_eap(context)
        return authentication.hears_eap(context, talk, message)

    return HONEST.but("decisions", "begins_eap", begins).but("decisions", "hears_eap", hears)


# NULL authentication and INITIAL_CONTACT.


@deviant("accepts-null", "RFC7619-2-01")
def _accepts_null() -> Rules:
    """Believes a peer that proves nothing, though it was told to ask for a proof."""

    def believes(context: Context, sa: IkeSa, who: Any, auth: Any) -> bool:
        return auth.method == AuthMethod.NULL or proofs.believes(context, sa, who, auth)

    return HONEST.but("decisions", "believes", believes)


@deviant("heeds-initial-contact-of-nobody", "RFC7619-2.3-01")
def _contact_of_nobody() -> Rules:
    """Gives up the SAs of peers that proved nothing when another one says INITIAL_CONTACT under their name."""

    def outdated(context: Context, sa: IkeSa, message: Incoming) -> tuple[bytes, ...]:
        return _others(context, sa, message, lambda other: other.peer_id == sa.peer_id)

    return HONEST.but("decisions", "outdated", outdated)


@deviant("heeds-initial-contact-for-everybody", "RFC7296-2.4-08")
def _contact_for_everybody() -> Rules:
    """Gives up the SAs of every peer when one says INITIAL_CONTACT."""

    def outdated(context: Context, sa: IkeSa, message: Incoming) -> tuple[bytes, ...]:
        return _others(context, sa, message, lambda _: True)

    return HONEST.but("decisions", "outdated", outdated)


def _others(context: Context, sa: IkeSa, message: Incoming, same: Any) -> tuple[bytes, ...]:
    if message.find(v2.Notify, NotifyType.INITIAL_CONTACT) is None:
        return ()
    others = (each for each in context.world.all() if isinstance(each, IkeSa) and each.ours != sa.ours)
    return tuple(each.ours for each in others if same(each))


@deviant("keeps-an-ike-sa-that-was-rejected", "RFC7296-2.21.2-10")
def _keeps() -> Rules:
    """Keeps the IKE SA when the initiator says that it could not be believed."""
    return HONEST.but("decisions", "rejected", lambda *_: False)


# Post-quantum preshared keys.


@deviant("ignores-use-ppk", "RFC8784-3-05")
def _ignores_use_ppk() -> Rules:
    """Says nothing to USE_PPK although it has a key."""
    return HONEST.but("extensions", ("init", "agree_on_ppk"), lambda *given: (given[1], ()))


def _settles(otherwise: Any) -> Rules:
    """The honest table in which what comes of a negotiation that must be aborted is decided by `otherwise`."""

    def settle(context: Context, sa: IkeSa, request: Incoming, auth: Any) -> Settled | None:
        honest = ppk.settle_ppk(context, sa, request, auth)
        return otherwise(sa, request, auth) if honest is None else honest

    return HONEST.but("decisions", "settle_ppk", settle)


@deviant("goes-on-without-a-mandatory-ppk", "RFC8784-3-16")
def _goes_on() -> Rules:
    """Goes on without its post-quantum key, though it must be used."""

    def otherwise(sa: IkeSa, request: Incoming, auth: Any) -> Settled:
        without = request.find(v2.Notify, NotifyType.NO_PPK_AUTH)
        plain = auth if without is None else v2.Authentication(method=auth.method, data=without.data)
        return Settled(sa, plain)

    return _settles(otherwise)


@deviant("needs-no-ppk-identity", "RFC8784-3-13")
def _unnamed() -> Rules:
    """Goes on as without a post-quantum key where both ends said USE_PPK and none is named."""

    def otherwise(sa: IkeSa, request: Incoming, auth: Any) -> Settled | None:
        named = request.find(v2.Notify, NotifyType.PPK_IDENTITY)
        return Settled(sa, auth) if named is None and sa.authenticating.with_ppk else None

    return _settles(otherwise)


@deviant("hides-its-use-of-the-ppk", "RFC8784-3-18")
def _hides() -> Rules:
    """Uses the post-quantum key and does not say so."""

    def settle(context: Context, sa: IkeSa, request: Incoming, auth: Any) -> Settled | None:
        honest = ppk.settle_ppk(context, sa, request, auth)
        return None if honest is None else replace(honest, notifies=())

    return HONEST.but("decisions", "settle_ppk", settle)
