"""Transaction exchanges as the peer plays them: a client that XAUTH asks for its user, and that asks for configuration."""

from typing import Unpack

from harness.codes import CfgAttribute, CfgType, Exchange, XauthStatus, XauthType
from harness.peer.mischief import Changes, Plan, planned
from harness.peer.script import WAIT_S, Await, Note, Request
from harness.peer.v1.proofs import UNHASHED
from harness.peer.v1.quick import QuickV1
from harness.peer.v1.sa import Dialogue, IsakmpSa, Taken
from harness.profile import User
from harness.sa.v1 import informational_hash
from harness.sa.xauth import chap_password
from harness.wire import Message, v1

CLIENT_ASKS = (
    CfgAttribute.INTERNAL_IP4_ADDRESS,
    CfgAttribute.INTERNAL_IP4_NETMASK,
    CfgAttribute.INTERNAL_IP4_DNS,
    CfgAttribute.INTERNAL_IP4_SUBNET,
    CfgAttribute.APPLICATION_VERSION,
)
"""What a client asks for if the script names nothing."""
_XAUTH = range(CfgAttribute.XAUTH_TYPE, CfgAttribute.XAUTH_ANSWER + 1)


class TransactsV1(QuickV1):
    """The steps of Transaction exchanges, and what this end answers in those that the target starts."""

    user: User | None
    """Who XAUTH is told that this is; by default the first of the configured users."""

    def logs_in_as(self, name: str, password: str) -> Note:
        """From now on XAUTH is answered with this name and password."""
        self.user = User(name, password)
        return Note("user", f"{self.name}: {name}")

    def mode_config(self, *asked: CfgAttribute | v1.Attribute, **changes: Unpack[Changes]) -> Request | Note:
        """A REQUEST for configuration, attributes named by their type without a value; a REPLY answers it."""
        wanted = tuple(
            one if isinstance(one, v1.Attribute) else v1.Attribute(one, b"") for one in asked or CLIENT_ASKS
        )
        return self.transaction(CfgType.CFG_REQUEST, wanted, **changes)

    def transaction(
        self,
        kind: int,
        attributes: tuple[v1.Attribute, ...],
        *,
        identifier: int | None = None,
        **changes: Unpack[Changes],
    ) -> Request | Note:
        """The first message of a Transaction exchange: HDR*, HASH, ATTR."""
        sa, plan = self.isakmp, planned(changes)
        if sa.secrets is None or not sa.last:
            return self.no_isakmp(Exchange.TRANSACTION, sa)
        if identifier is None:
            identifier = int.from_bytes(self.entropy.octets(2), "big")
        dialogue = self.new_dialogue(sa, Exchange.TRANSACTION, plan)
        octets = self._transaction_octets(sa, dialogue, v1.Attributes(kind, identifier, attributes), plan)
        return self.open_request(
            sa, dialogue, octets, plan, lambda message, rest: self._answer_came(sa, dialogue, message, rest)
        )

    def xauth(self, seconds: float = WAIT_S, mark: str | None = None) -> Await:
        """Wait until the target says how XAUTH ended; what it asks meanwhile is answered."""
        return Await(self, _tells_status, seconds, mark)  # type: ignore[arg-type]  # every End is an Initiator

    def _transaction_octets(self, sa: IsakmpSa, dialogue: Dialogue, said: v1.Attributes, plan: Plan) -> bytes:
        secrets, number = sa.secrets, dialogue.message_id
        assert secrets is not None
        return self.sealed_v1(
            sa, dialogue, (UNHASHED, said), plan, lambda rest: informational_hash(secrets, number, rest)
        )

    def _answer_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message, rest: bytes) -> Taken:
        why = _unproved(sa, dialogue, message, rest)
        said = message.find(v1.Attributes)
        if why is not None or said is None:
            return Taken(why=why or "there are no attributes", counts=False)
        if said.attr_type == CfgType.CFG_REPLY:
            sa.given.update(_values(said))
        return Taken()

    def transaction_came(self, sa: IsakmpSa, dialogue: Dialogue, message: Message, rest: bytes) -> Taken:
        """A REQUEST of the target is replied to, a SET acknowledged."""
        why = _unproved(sa, dialogue, message, rest)
        asked = message.find(v1.Attributes)
        if why is not None or asked is None:
            return Taken(why=why or "there is nothing to answer", counts=False)
        if asked.attr_type == CfgType.CFG_REQUEST:
            said = v1.Attributes(CfgType.CFG_REPLY, asked.identifier, self._reply(asked))
        elif asked.attr_type == CfgType.CFG_SET:
            said = v1.Attributes(CfgType.CFG_ACK, asked.identifier, _accepted(sa, asked))
        else:
            return Taken(why="it is an answer")
        return Taken(self._transaction_octets(sa, dialogue, said, self.answering))

    def _reply(self, asked: v1.Attributes) -> tuple[v1.Attribute, ...]:
        """Name and password where XAUTH asks for them; nothing else is told."""
        wanted = _values(asked)
        if CfgAttribute.XAUTH_USER_NAME not in wanted:
            return ()
        user = self.user or next(iter(self.configuration.users), None)
        if user is None:
            return (v1.Attribute(CfgAttribute.XAUTH_STATUS, XauthStatus.FAIL),)
        kind = wanted.get(CfgAttribute.XAUTH_TYPE)
        password, challenge = user.password.encode(), wanted.get(CfgAttribute.XAUTH_CHALLENGE)
        if kind == XauthType.RADIUS_CHAP and isinstance(challenge, bytes):
            password = chap_password(self.entropy.octets(1)[0], password, challenge)
        return (
            *(() if kind is None else (v1.Attribute(CfgAttribute.XAUTH_TYPE, kind),)),
            v1.Attribute(CfgAttribute.XAUTH_USER_NAME, user.name.encode()),
            v1.Attribute(CfgAttribute.XAUTH_USER_PASSWORD, password),
        )


def _values(said: v1.Attributes) -> dict[int, int | bytes]:
    return {attribute.type: attribute.value for attribute in said.attributes}


def _accepted(sa: IsakmpSa, told: v1.Attributes) -> tuple[v1.Attribute, ...]:
    """The types that a SET is acknowledged with; how XAUTH ended is kept and acknowledged without attributes."""
    values = _values(told)
    status = values.get(CfgAttribute.XAUTH_STATUS)
    if status is not None:
        sa.xauth_status = status if isinstance(status, int) else None
        return ()
    sa.given.update(values)
    return tuple(v1.Attribute(kind, b"") for kind in values if kind not in _XAUTH)


def _unproved(sa: IsakmpSa, dialogue: Dialogue, message: Message, rest: bytes) -> str | None:
    """Why the HASH does not prove a message, or None when it does."""
    assert sa.secrets is not None
    proof = message.find(v1.Hash)
    if proof is None or proof.data != informational_hash(sa.secrets, dialogue.message_id, rest):
        return "the HASH is wrong"
    return None


def _tells_status(message: Message) -> bool:
    said = message.find(v1.Attributes)
    if said is None or said.attr_type != CfgType.CFG_SET:
        return False
    return any(attribute.type == CfgAttribute.XAUTH_STATUS for attribute in said.attributes)
