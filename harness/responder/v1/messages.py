"""IKEv1 messages on their way out: in clear, encrypted on an IV chain, protected by a HASH; and refusals."""

from typing import Any

from harness.codes import Exchange, NotifyTypeV1, Protocol
from harness.responder.context import Context, Incoming, send
from harness.responder.state import Timer
from harness.responder.step import Armed, Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.state import IsakmpSa, Quick, Transaction
from harness.sa.v1 import (
    encrypt,
    exchange_iv,
    informational_hash,
    quick_hash1,
    quick_hash2,
    quick_hash3,
)
from harness.values import replace
from harness.wire import Message, encode_chain, v1
from harness.wire.datagram import Datagram

VERSION_1 = 0x10
ENCRYPTED = 0x01
COMMIT = 0x02
AUTHENTICATION_ONLY = 0x04
NONCE_OCTETS = 32


def clear(sa: IsakmpSa, exchange: int, *payloads: Any) -> bytes:
    """A message of phase 1 that goes in clear."""
    return _message(sa, exchange, 0, payloads).encode()


def sealed(
    sa: IsakmpSa, exchange: int, message_id: int, iv: bytes, payloads: tuple[Any, ...], flags: int = 0
) -> bytes:
    """A message with everything after its header encrypted, from `iv` on (RFC 2409 appendix B)."""
    assert sa.secrets is not None
    octets, _ = encrypt(_message(sa, exchange, message_id, payloads, flags), sa.secrets, iv)
    return octets


def _message(
    sa: IsakmpSa, exchange: int, message_id: int, payloads: tuple[Any, ...], flags: int = 0
) -> Message:
    return Message(
        spi_i=sa.cky_i,
        spi_r=sa.cky_r,
        exchange=exchange,
        flags=flags,
        message_id=message_id,
        payloads=payloads,
        version=VERSION_1,
    )


def last_block(sa: IsakmpSa, octets: bytes) -> bytes:
    """The last ciphertext block of an encrypted message: the IV of the next one in its exchange."""
    assert sa.secrets is not None
    return octets[-len(sa.secrets.iv0) :]


def first_iv(sa: IsakmpSa, message_id: int) -> bytes:
    """The IV of the first message of an exchange after phase 1."""
    assert sa.secrets is not None
    return exchange_iv(sa.secrets, sa.last_block, message_id)


def quick_1(sa: IsakmpSa, quick: Quick, payloads: tuple[Any, ...]) -> bytes:
    """The first message of Quick Mode, with HASH(1) before its payloads."""
    assert sa.secrets is not None
    proof = quick_hash1(sa.secrets, quick.message_id, encode_chain(payloads))
    return _quick(sa, quick, (v1.Hash(data=proof), *payloads))


def quick_2(sa: IsakmpSa, quick: Quick, payloads: tuple[Any, ...], flags: int = 0) -> bytes:
    """The second message of Quick Mode, with HASH(2) before its payloads."""
    assert sa.secrets is not None
    proof = quick_hash2(sa.secrets, quick.message_id, quick.ni, encode_chain(payloads))
    return _quick(sa, quick, (v1.Hash(data=proof), *payloads), flags)


def quick_3(sa: IsakmpSa, quick: Quick) -> bytes:
    """The third message of Quick Mode: HASH(3)."""
    assert sa.secrets is not None
    proof = quick_hash3(sa.secrets, quick.message_id, quick.ni, quick.nr)
    return _quick(sa, quick, (v1.Hash(data=proof),))


def _quick(sa: IsakmpSa, quick: Quick, payloads: tuple[Any, ...], flags: int = 0) -> bytes:
    return sealed(sa, Exchange.QUICK_MODE, quick.message_id, quick.iv, payloads, flags)


def new_group_2(sa: IsakmpSa, asked: Quick, offer: v1.SecurityAssociation) -> bytes:
    """The second message of New Group Mode: HASH(2) and the offer as it came (RFC 2409 section 5.6)."""
    return _hashed(sa, Exchange.NEW_GROUP_MODE, asked.message_id, asked.iv, offer)


def _hashed(sa: IsakmpSa, exchange: int, message_id: int, iv: bytes, payload: Any) -> bytes:
    """A message of one payload, behind the HASH over Message ID and payload."""
    assert sa.secrets is not None
    proof = v1.Hash(data=informational_hash(sa.secrets, message_id, encode_chain((payload,))))
    return sealed(sa, exchange, message_id, iv, (proof, payload))


def transaction(sa: IsakmpSa, about: Transaction, attributes: v1.Attributes) -> bytes:
    """A message of a Transaction exchange, with its HASH before the attributes (draft-dukes-ike-mode-cfg section 3.1.1)."""
    return _hashed(sa, Exchange.TRANSACTION, about.message_id, about.iv, attributes)


def fresh_message_id(context: Context, sa: IsakmpSa) -> int:
    """A Message ID that is neither zero nor was ever used on this SA (RFC 2408 section 3.1)."""
    message_id = int.from_bytes(context.entropy.octets(4), "big")
    return fresh_message_id(context, sa) if message_id == 0 or message_id in sa.used else message_id


def informational(context: Context, sa: IsakmpSa, payload: Any) -> tuple[IsakmpSa, bytes]:
    """A protected Informational with one payload and a Message ID of its own; the SA after it, and its octets."""
    message_id = fresh_message_id(context, sa)
    octets = _hashed(sa, Exchange.INFORMATIONAL_V1, message_id, first_iv(sa, message_id), payload)
    return replace(sa, used=sa.used | {message_id}), octets


def connected(sa: IsakmpSa, quick: Quick) -> bytes:
    """CONNECTED in an Informational that has the Message ID of its Quick Mode (RFC 2408 section 3.1)."""
    first = quick.children[0]
    notify = v1.Notify(protocol=first.proposal.protocol, notify_type=NotifyTypeV1.CONNECTED, spi=first.spi_in)
    iv = first_iv(sa, quick.message_id)
    return _hashed(sa, Exchange.INFORMATIONAL_V1, quick.message_id, iv, notify)


def on_its_way(sa: IsakmpSa, octets: bytes) -> Datagram:
    """A datagram of our own between the SA's endpoints."""
    return send(sa.local, sa.remote, octets, sa.natt)


def tell(context: Context, sa: IsakmpSa, *payloads: Any) -> Step:
    """Protected Informationals, one for each payload, none of which is ever answered (RFC 2409 section 5.7)."""
    datagrams = []
    for payload in payloads:
        sa, octets = informational(context, sa, payload)
        datagrams.append(on_its_way(sa, octets))
    return Step(send=tuple(datagrams), changed=(sa,))


@TABLE.decision(rfc="2408/5.1")
def transmissions(context: Context, we_started: bool) -> int:
    """How often a message without answer goes out in all; as responder, three times more than once."""
    return 5 if we_started else 4


def repeated_later(
    context: Context, sa: IsakmpSa, under_way: Quick | Transaction | None = None
) -> tuple[bytes, Armed]:
    """The timer after which the last message of phase 1, or of an exchange after it, is sent again; each pause doubles."""
    last: IsakmpSa | Quick | Transaction = sa if under_way is None else under_way
    pause = 2.0**last.times_sent * (0.5 if last.we_started else 1.0)
    about = sa.state.encode() if under_way is None else under_way.message_id
    return sa.ours, Armed(context.now + pause, Timer.RETRANSMIT, about)


def notify_about(sa: IsakmpSa, notify_type: int, data: bytes = b"") -> v1.Notify:
    """A notify about the ISAKMP SA itself, named by both cookies (RFC 2407 section 4.6.3)."""
    return v1.Notify(protocol=Protocol.IKE, notify_type=notify_type, spi=sa.cky_i + sa.cky_r, data=data)


def delete_isakmp(sa: IsakmpSa) -> v1.Delete:
    """The Delete of the ISAKMP SA, named by both cookies (RFC 2408 section 3.15)."""
    return v1.Delete(protocol=Protocol.IKE, spi_size=16, spis=(sa.cky_i + sa.cky_r,))


def deletes_ipsec(sa: IsakmpSa) -> tuple[v1.Delete, ...]:
    """The Deletes of all IPsec SAs, one for each protocol, by the SPIs on which we receive (RFC 2408 section 3.15)."""
    protocols = dict.fromkeys(child.proposal.protocol for child in sa.children)
    return tuple(
        delete_ipsec(p, *(c.spi_in for c in sa.children if c.proposal.protocol == p)) for p in protocols
    )


def delete_ipsec(protocol: int, *spis: bytes) -> v1.Delete:
    """The Delete of IPsec SAs of one protocol, by the SPIs on which we receive."""
    return v1.Delete(protocol=protocol, spi_size=4, spis=spis)


@TABLE.decision(rfc="2409/5.7")
def complains_in_clear(context: Context, incoming: Incoming) -> bool:
    """Whether an unprotected notify may be sent: never for an Informational (section 9), and within the allowance."""
    if incoming.message.exchange == Exchange.INFORMATIONAL_V1:
        return False
    return context.world.may_answer_stray(context.now)


def complain(context: Context, incoming: Incoming, notify_type: NotifyTypeV1, why: str) -> Step:
    """The message dropped, and where that is allowed the reason told in clear, before there is an SA to protect it."""
    if not context.decide("complains_in_clear", incoming):
        return drop(why)
    message = incoming.message
    answer = Message(
        spi_i=message.spi_i,
        spi_r=message.spi_r,
        exchange=Exchange.INFORMATIONAL_V1,
        flags=0,
        message_id=int.from_bytes(context.entropy.octets(4), "big") or 1,
        payloads=(v1.Notify(notify_type=notify_type),),
        version=VERSION_1,
    )
    return Step(send=(incoming.reply(answer.encode()),), drop=why, events=("refused",))
