"""What holds in every state of IKEv1: header, form, repetition, protection, Message IDs, the HASH.

Guards of the stage `isakmp` see every message; those of `phase1` the exchanges that make an ISAKMP SA, those of
`phase2` the exchanges under one. A guard answers with a Step, hands on another view of the message, or has
nothing to say.
"""

import hmac
from functools import cache

from harness.codes import Doi, Exchange, NotifyTypeV1, Situation
from harness.responder.context import Context, Incoming
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.messages import AUTHENTICATION_ONLY, COMMIT, ENCRYPTED, complain, first_iv
from harness.responder.v1.state import IsakmpSa, Phase1, Phase2, Quick, Transaction
from harness.sa.opened import Sealed
from harness.sa.v1 import decrypt, informational_hash, quick_hash1, quick_hash2, quick_hash3
from harness.wire import Malformed, Message, Structure, Unknown, v1
from harness.wire.fields import Payload

KNOWN_FLAGS = ENCRYPTED | COMMIT | AUTHENTICATION_ONLY
PRIVATE_PAYLOADS = 128
"""Payload types from here on are private: a stranger among them is passed over (RFC 2408 section 3.1)."""
NONCE_OCTETS = range(8, 257)
"""RFC 2409 section 5."""


# Every message


@TABLE.guard(rfc="2408/5.2")
def isakmp_version(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A greater minor version than ours is not accepted (RFC 2408 section 3.1)."""
    if incoming.message.minor == 0:
        return None
    why = f"minor version {incoming.message.minor}"
    return complain(context, incoming, NotifyTypeV1.INVALID_MINOR_VERSION, why)


@TABLE.guard(rfc="2408/5.1")
def isakmp_length(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A message that is not as long as its header says is dropped."""
    if incoming.message.length is None:
        return None
    return drop(f"malformed: {incoming.why}")


@TABLE.guard(rfc="2408/5.2")
def isakmp_flags(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Unknown flags drop a message, and so does Authentication Only: nothing here goes unencrypted that need not."""
    flags = incoming.message.flags
    if flags & ~KNOWN_FLAGS:
        return drop(f"flags {flags:#04x}")
    return drop("the Authentication Only flag") if flags & AUTHENTICATION_ONLY else None


# Phase 1


@TABLE.guard(rfc="2408/3.1")
def phase1_message_id(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """The Message ID of phase 1 is zero."""
    return None if incoming.message.message_id == 0 else drop("a Message ID in phase 1")


@TABLE.guard(rfc="2408/2.5.3")
def phase1_address(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A cookie serves the address that it was given to; the port may change (RFC 3947 section 4)."""
    if sa.state is Phase1.IDLE or incoming.datagram.source.address == sa.remote.address:
        return None
    return drop("a cookie from another address than it was given to")


@TABLE.guard(rfc="3947/4")
def phase1_old_port(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Once the ports have changed for NAT traversal, what comes of phase 1 on the ones before is old."""
    return drop("on the ports that it left") if sa.natt and not incoming.natt else None


@TABLE.guard(rfc="2408/5.1")
def phase1_repeated(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A repeated message gets the answer that it got before, octet for octet; nothing is done twice."""
    if sa.state is Phase1.IDLE:
        made = context.world.by_init(incoming.octets, incoming.datagram.source)
        if not isinstance(made, IsakmpSa):
            return None
        sa = made
        if sa.received != incoming.octets:
            return drop("a first message again, whose exchange has gone on")
    if sa.received != incoming.octets:
        return None
    return Step(send=(incoming.reply(sa.sent),)) if sa.sent else drop("a repeated message that had no answer")


@TABLE.guard(rfc="2409/4")
def phase1_unfinished(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Once phase 1 is done its exchange has no further message."""
    return drop("phase 1 is done") if sa.up else None


@TABLE.guard(rfc="2408/3.1")
def phase1_protection(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Identities and proofs of Main Mode come encrypted, everything before in clear.

    The last message of Aggressive Mode may come either way (RFC 2409 section 5).
    """
    encrypted = incoming.message.encrypted
    if sa.state is Phase1.AGGRESSIVE_2:
        return None
    if encrypted != (sa.state in (Phase1.MAIN_4, Phase1.MAIN_5)):
        return drop("encrypted too early" if encrypted else "in clear, and should be encrypted")
    return None


@TABLE.guard(rfc="2409/5")
def phase1_opens(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | Incoming | None:
    """What does not open is dropped, and the IV chain stays where it was (RFC 2409 section 10)."""
    if not incoming.message.encrypted:
        return None
    opened = unseal(sa, incoming, sa.iv)
    if isinstance(opened, Incoming):
        return opened
    return complain(context, incoming, NotifyTypeV1.PAYLOAD_MALFORMED, opened)


def unseal(sa: IsakmpSa, incoming: Incoming, iv: bytes) -> Incoming | str:
    """The message with what it holds, or why it holds nothing; any padding will do.

    `plaintext` of the result are the octets after the first payload, which HASH(1) and HASH(2) cover.
    """
    if sa.secrets is None:
        return "encrypted before there are keys"
    opened, _ = decrypt(incoming.octets, sa.secrets, iv)
    if isinstance(opened, Sealed):
        return f"does not open: {opened.why}"
    if not opened.payloads or opened.payloads[-1].next is not None:
        return f"does not open: {opened.why or 'there is no payload in it'}"
    return incoming.opened(opened.payloads, None, opened.rest_after_hash)


@TABLE.guard(rfc="2408/5.3")
def phase1_well_formed(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A malformed message is dropped whole, and so is one with a reserved octet set."""
    why = malformed(incoming)
    return None if why is None else complain(context, incoming, NotifyTypeV1.PAYLOAD_MALFORMED, why)


def malformed(incoming: Incoming) -> str | None:
    """What is wrong with the form of a message, or None (RFC 2408 sections 5.3 to 5.15)."""
    if incoming.why is not None and not _is_padded(incoming.message):
        return f"malformed: {incoming.why}"
    for payload in incoming.payloads:
        why = _wrong_with(payload)
        if why is not None:
            return why
    return None


def _is_padded(message: Message) -> bool:
    """Whether what follows the last payload makes the message as long as a multiple of 4 (RFC 2408 section 3.6)."""
    whole = bool(message.payloads) and message.payloads[-1].next is None
    padding = message.trailing
    return whole and len(padding) < 4 and not any(padding) and len(message.encode()) % 4 == 0


def _wrong_with(payload: Payload) -> str | None:
    if isinstance(payload, Malformed):
        return f"malformed payload {payload.type}: {payload.why}"
    if isinstance(payload, Unknown):
        return None if payload.type >= PRIVATE_PAYLOADS else f"a payload of the reserved type {payload.type}"
    if payload.flags or payload.length is not None or not _honest(payload):
        return f"a reserved field or a wrong count in payload {payload.type}"
    return None


def _honest(thing: Payload | Structure) -> bool:
    """Whether lengths and counts are true and reserved fields zero, in everything that a payload holds."""
    told, reserved, holding = _kinds_of_fields(thing.__class__)  # type: ignore[arg-type]  # a class is hashable
    if any(getattr(thing, name) is not None for name in told):
        return False
    if any(getattr(thing, name) for name in reserved):
        return False
    for name in holding:
        value = getattr(thing, name)
        inside = value if isinstance(value, tuple) else (value,)
        if not all(_honest(each) for each in inside if each is not None):
            return False
    return True


@cache
def _kinds_of_fields(
    kind: type[Payload | Structure],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The names of the fields that tell a length or a count, of those that are reserved, and of those that hold others."""
    told = tuple(field.name for field in kind.FIELDS if field.told)
    reserved = tuple(field.name for field in kind.FIELDS if field.name.startswith("reserved"))
    holding = (field.name for field in kind.FIELDS if field.kind in ("structures", "optional"))
    return told, reserved, tuple(holding)


@TABLE.guard(rfc="2409/5")
def phase1_offer(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A first message begins with its one SA payload, of one proposal, in a domain and situation known here."""
    if sa.state is not Phase1.IDLE:
        return None
    offers = incoming.all(v1.SecurityAssociation)
    if len(offers) != 1 or incoming.payloads[0] is not offers[0]:
        return drop("phase 1 does not begin with its one SA payload")
    refusal = unknown_domain(offers[0])
    if refusal is not None:
        return complain(context, incoming, refusal, "a domain or situation not known here")
    if len(offers[0].proposals) != 1:
        why = f"{len(offers[0].proposals)} proposals in phase 1"
        return complain(context, incoming, NotifyTypeV1.BAD_PROPOSAL_SYNTAX, why)
    return None


@TABLE.guard(rfc="2408/1.7.1")
def phase1_room(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """For a first message that is huge, or one more of a source with too many, nothing is computed and nothing kept."""
    if sa.state is not Phase1.IDLE:
        return None
    defence, address = context.configuration.defence, incoming.datagram.source.address
    if len(incoming.octets) > defence.first_message:
        return drop("a first message that is too long to be kept")
    if defence.per_source is not None and context.world.half_open_count(address) >= defence.per_source:
        return drop("too many SAs of this source are half-open")
    return None


def unknown_domain(offer: v1.SecurityAssociation) -> NotifyTypeV1 | None:
    """The notify for a domain of interpretation or a situation that is not served (RFC 2408 section 5.4)."""
    if offer.doi != Doi.IPSEC:
        return NotifyTypeV1.DOI_NOT_SUPPORTED
    if offer.situation != Situation.SIT_IDENTITY_ONLY:
        return NotifyTypeV1.SITUATION_NOT_SUPPORTED
    return None


# Phase 2


@TABLE.guard(rfc="2409/4")
def phase2_established(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Nothing is served under an ISAKMP SA before phase 1 is done."""
    return None if sa.up else drop(f"exchange {incoming.message.exchange} before phase 1 is done")


@TABLE.guard(rfc="2408/3.1")
def phase2_message_id(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Every exchange after phase 1 has a Message ID."""
    return None if incoming.message.message_id else drop("no Message ID after phase 1")


@TABLE.guard(rfc="2409/5.7")
def phase2_protection(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Everything after phase 1 is encrypted; what is in clear may come from anybody."""
    return None if incoming.message.encrypted else drop("in clear, and should be encrypted")


@TABLE.guard(rfc="2408/5.1")
def phase2_repeated(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A repeated message gets the answer that it got before, octet for octet; nothing is done twice."""
    asked = sa.under(incoming.message.message_id)
    pairs = [sa.acknowledged] if asked is None else [(asked.received, asked.sent)]
    for received, sent in pairs:
        if received == incoming.octets:
            return (
                Step(send=(incoming.reply(sent),)) if sent else drop("a repeated message that had no answer")
            )
    return None


@TABLE.guard(rfc="2409/5.5")
def phase2_fresh(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A Message ID names one exchange: it goes on under it, or the Message ID was never used before."""
    message_id = incoming.message.message_id
    if message_id not in sa.used or _going_on(sa, incoming) is not None or _says_connected(sa, incoming):
        return None
    return drop(f"Message ID {message_id:08x} was used before")


def _going_on(sa: IsakmpSa, incoming: Incoming) -> Quick | Transaction | None:
    """The exchange that a message goes on, by its Message ID and its type."""
    under_way = sa.under(incoming.message.message_id)
    return under_way if under_way is not None and under_way.exchange == incoming.message.exchange else None


def _says_connected(sa: IsakmpSa, incoming: Incoming) -> bool:
    """Whether a message may be the Informational that has the Message ID of a Quick Mode (RFC 2408 section 3.1)."""
    quick = sa.exchange(incoming.message.message_id)
    waits = quick is not None and quick.state is Phase2.COMMITTING
    return waits and incoming.message.exchange == Exchange.INFORMATIONAL_V1


@TABLE.guard(rfc="2409/5.5")
def phase2_opens(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | Incoming:
    """What does not open is dropped, and no IV chain advances (RFC 2409 section 10)."""
    under_way = _going_on(sa, incoming)
    iv = first_iv(sa, incoming.message.message_id) if under_way is None else under_way.iv
    opened = unseal(sa, incoming, iv)
    return drop(opened) if isinstance(opened, str) else opened


@TABLE.guard(rfc="2409/5.5")
def phase2_hash(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """The HASH comes first and proves the whole message; without it or with a wrong one nothing is done."""
    first = incoming.payloads[0]
    if not isinstance(first, v1.Hash):
        return drop("the first payload is no HASH")
    if hmac.compare_digest(first.data, expected_hash(sa, incoming)):
        return None
    return drop("the HASH does not prove the message")


def expected_hash(sa: IsakmpSa, incoming: Incoming) -> bytes:
    """The HASH that this message must bring, by its place in its exchange."""
    assert sa.secrets is not None
    message_id, rest = incoming.message.message_id, incoming.plaintext
    if incoming.message.exchange != Exchange.QUICK_MODE:
        return informational_hash(sa.secrets, message_id, rest)
    quick = sa.exchange(message_id)
    if quick is None:
        return quick_hash1(sa.secrets, message_id, rest)
    if quick.state is Phase2.QUICK_1:
        return quick_hash2(sa.secrets, message_id, quick.ni, rest)
    return quick_hash3(sa.secrets, message_id, quick.ni, quick.nr)


@TABLE.guard(rfc="2408/5.3")
def phase2_well_formed(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """A malformed message is dropped whole, even under a good HASH."""
    why = malformed(incoming)
    return None if why is None else drop(why)


@TABLE.guard(rfc="draft-beaulieu-ike-xauth/6")
def phase2_xauth(context: Context, sa: IsakmpSa, incoming: Incoming) -> Step | None:
    """Where XAUTH is due it comes before every other exchange but Informational."""
    if not sa.xauth_due or incoming.message.exchange == Exchange.INFORMATIONAL_V1:
        return None
    return drop("XAUTH comes first") if sa.under(incoming.message.message_id) is None else None
