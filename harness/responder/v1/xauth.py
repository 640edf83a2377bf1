"""draft-beaulieu-ike-xauth: the peer's user authenticated by the edge device, once phase 1 is done.

It is the device that begins these Transaction exchanges, also under responder-only: phase 1 by an XAUTH method
asks for them, and no SA is negotiated in them.
"""

import hmac

from harness.codes import CfgAttribute, CfgType, Exchange, XauthStatus, XauthType
from harness.profile import Configuration
from harness.responder.context import Context, Incoming
from harness.responder.step import Step, drop
from harness.responder.table import TABLE
from harness.responder.v1.messages import (
    first_iv,
    fresh_message_id,
    last_block,
    on_its_way,
    repeated_later,
    transaction,
)
from harness.responder.v1.nat import moved
from harness.responder.v1.quick import forgotten_later
from harness.responder.v1.state import IsakmpSa, Transacting, Transaction
from harness.responder.v1.timers import close
from harness.sa.xauth import chap_password
from harness.values import replace
from harness.wire import v1

CHALLENGE_OCTETS = 16
KINDS = {"generic": XauthType.GENERIC, "chap": XauthType.RADIUS_CHAP}


def ask(context: Context, sa: IsakmpSa) -> Step:
    """A REQUEST for name and password, the attributes wanted with no value; a retry is of the same transaction.

    Its identifier is 0: there are peers that leave that of their REPLY so, whatever was asked, and strongSwan is one.
    """
    xauth = context.configuration.version1.xauth
    assert xauth is not None
    kind = KINDS[xauth.kind]
    hidden = kind == XauthType.RADIUS_CHAP
    challenge = context.entropy.octets(CHALLENGE_OCTETS) if hidden else b""
    asked = Transaction(
        message_id=fresh_message_id(context, sa),
        state=Transacting.CREDENTIALS_ASKED,
        we_started=True,
        challenge=challenge,
    )
    attributes = (
        v1.Attribute(type=CfgAttribute.XAUTH_TYPE, value=int(kind)),
        *((v1.Attribute(type=CfgAttribute.XAUTH_CHALLENGE, value=challenge),) if hidden else ()),
        v1.Attribute(type=CfgAttribute.XAUTH_USER_NAME, value=b""),
        v1.Attribute(type=CfgAttribute.XAUTH_USER_PASSWORD, value=b""),
    )
    return begin(context, sa, asked, CfgType.CFG_REQUEST, attributes)


def begin(
    context: Context, sa: IsakmpSa, asked: Transaction, kind: CfgType, attributes: tuple[v1.Attribute, ...]
) -> Step:
    """The first message of a Transaction exchange of our own, to be repeated until it is answered or given up."""
    said = v1.Attributes(attr_type=kind, identifier=asked.identifier, attributes=attributes)
    asked = replace(asked, iv=first_iv(sa, asked.message_id))
    octets = transaction(sa, asked, said)
    asked = replace(asked, sent=octets, iv=last_block(sa, octets))
    after = sa.having(asked)
    return Step(
        send=(on_its_way(after, octets),),
        changed=(after,),
        armed=(repeated_later(context, after, asked),),
        events=(f"sent {asked.state}",),
    )


@TABLE.on(
    Transacting.CREDENTIALS_ASKED, Exchange.TRANSACTION, rfc="draft-beaulieu-ike-xauth/6.1", response=True
)
def take_credentials(context: Context, sa: IsakmpSa, reply: Incoming) -> Step:
    """The user let in, asked again, or refused for good; a peer that says FAIL has ended it (section 5)."""
    asked, said = transaction_of(sa, reply), reply.find(v1.Attributes)
    if not answers(asked, said, CfgType.CFG_REPLY):
        return drop("no REPLY to what was asked")
    sa = after_answer(context, sa, asked, reply)
    values = {attribute.type: attribute.value for attribute in said.attributes}
    if values.get(CfgAttribute.XAUTH_STATUS) == XauthStatus.FAIL:
        return replace(close(context, sa), events=("xauth-failed",))
    user = context.decide("xauth_admits", asked, values)
    if user is not None:
        return tell_status(context, replace(sa, user=user), asked, XauthStatus.OK)
    sa = replace(sa, attempts=sa.attempts + 1)
    xauth = context.configuration.version1.xauth
    if xauth is not None and sa.attempts < xauth.attempts:
        return ask(context, sa)
    return tell_status(context, sa, asked, XauthStatus.FAIL)


def transaction_of(sa: IsakmpSa, message: Incoming) -> Transaction:
    """The Transaction exchange that a message belongs to."""
    under_way = sa.under(message.message.message_id)
    assert isinstance(under_way, Transaction)
    return under_way


def answers(asked: Transaction, said: v1.Attributes | None, kind: CfgType) -> bool:
    """Whether attributes answer what was asked: of the right kind, and of the same transaction."""
    return said is not None and (said.attr_type, said.identifier) == (kind, asked.identifier)


def after_answer(context: Context, sa: IsakmpSa, asked: Transaction, answer: Incoming) -> IsakmpSa:
    """The SA with an exchange of ours answered."""
    done = replace(asked, state=Transacting.DONE, received=answer.octets, sent=b"")
    return replace(moved(sa, answer), heard=context.now).having(done)


@TABLE.decision(rfc="draft-beaulieu-ike-xauth/5")
def xauth_admits(context: Context, asked: Transaction, values: dict[int, int | bytes]) -> str | None:
    """The name of the user whom these attributes prove, or None; a status of OK from a peer proves nothing.

    The type of a REPLY is that of the REQUEST (section 6.2).
    """
    xauth = context.configuration.version1.xauth
    name = values.get(CfgAttribute.XAUTH_USER_NAME)
    password = values.get(CfgAttribute.XAUTH_USER_PASSWORD)
    if xauth is None or not isinstance(name, bytes) or not isinstance(password, bytes):
        return None
    if values.get(CfgAttribute.XAUTH_TYPE, KINDS[xauth.kind]) != KINDS[xauth.kind]:
        return None
    return _proved(context.configuration, asked, name, password)


def _proved(configuration: Configuration, asked: Transaction, name: bytes, password: bytes) -> str | None:
    for user in configuration.users:
        expected = user.password.encode()
        if asked.challenge and password:
            expected = chap_password(password[0], expected, asked.challenge)
        if hmac.compare_digest(name, user.name.encode()) and hmac.compare_digest(password, expected):
            return user.name
    return None


def tell_status(context: Context, sa: IsakmpSa, asked: Transaction, status: XauthStatus) -> Step:
    """The SET that ends the authentication: it states success or failure and nothing else."""
    ending = Transaction(
        message_id=fresh_message_id(context, sa),
        state=Transacting.STATUS_SET,
        we_started=True,
        identifier=asked.identifier,
        status=status,
    )
    told = (v1.Attribute(type=CfgAttribute.XAUTH_STATUS, value=int(status)),)
    return begin(context, sa, ending, CfgType.CFG_SET, told)


@TABLE.on(Transacting.STATUS_SET, Exchange.TRANSACTION, rfc="draft-beaulieu-ike-xauth/6", response=True)
def take_status_acknowledged(context: Context, sa: IsakmpSa, acknowledgement: Incoming) -> Step:
    """The authentication is over: what was due after phase 1 follows, or the ISAKMP SA is deleted at once.

    The attributes of the ACK do not matter.
    """
    told, said = transaction_of(sa, acknowledgement), acknowledgement.find(v1.Attributes)
    if not answers(told, said, CfgType.CFG_ACK):
        return drop("no ACK of what was set")
    sa = after_answer(context, sa, told, acknowledgement)
    if told.status != XauthStatus.OK:
        return replace(close(context, sa), events=("xauth-failed",))
    admitted = replace(sa, xauth_due=False)
    step = Step(
        changed=(admitted,), armed=(forgotten_later(context, admitted, told),), events=("xauth-passed",)
    )
    return step.then(context.decide("goes_on", admitted))
