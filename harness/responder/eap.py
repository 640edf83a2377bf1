"""EAP as its server speaks it (RFC 3748): MD5-Challenge and MSCHAPv2; values that are replaced, never altered."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from harness.clock import Entropy
from harness.codes import EapCode, EapType, MsChapOpcode
from harness.profile import EapMethod, User
from harness.sa.mschapv2 import CHALLENGE_OCTETS, NT_RESPONSE_OCTETS, MsChapV2, without_domain
from harness.values import replace, value
from harness.wire.eap import EapMessage, MsChap, Value, read_mschap, read_value

SERVER_NAME = b"ike-harness"
RETRIES = 2
"""How often MSCHAPv2 lets a client try again after a wrong password."""
_RESPONSE_OCTETS = CHALLENGE_OCTETS + 8 + NT_RESPONSE_OCTETS + 1
"""The peer's challenge, eight octets of zero, NT-Response, flags (RFC 2759 section 4)."""


@value
class Conversation:
    """What the server keeps of one client: what it said last, the method, and who the client has proved to be."""

    said: EapMessage
    method: EapMethod
    untried: tuple[EapMethod, ...] = ()
    challenge: bytes = field(default=b"", repr=False)
    failures: int = 0
    claimed: bytes = b""
    """Who the client said to be before EAP began."""
    user: User | None = None
    msk: bytes = field(default=b"", repr=False)
    """The Master Session Key; empty for a method that makes none."""

    @property
    def succeeded(self) -> bool:
        """Whether the client was told Success, so that its AUTH is next."""
        return self.said.code == EapCode.SUCCESS

    @property
    def failed(self) -> bool:
        """Whether the client was told Failure."""
        return self.said.code == EapCode.FAILURE

    def asks(self, kind: EapType, data: bytes, **changes: object) -> "Conversation":
        """This conversation after another Request."""
        request = EapMessage(EapCode.REQUEST, self._next, kind, data)
        return replace(self, said=request, **changes)

    def ends(self, code: EapCode, **changes: object) -> "Conversation":
        """This conversation after Success or Failure, which carry the identifier of what they answer."""
        return replace(self, said=EapMessage(code, self.said.identifier), **changes)

    @property
    def _next(self) -> int:
        return (self.said.identifier + 1) & 0xFF


class Server(Protocol):
    """The server's side of a method."""

    kind: EapType

    def begins(self, conversation: Conversation, entropy: Entropy) -> Conversation:
        """The method's first Request."""
        ...

    def hears(
        self, conversation: Conversation, data: bytes, users: tuple[User, ...], entropy: Entropy, /
    ) -> Conversation:
        """What becomes of the conversation when a Response of the method comes."""
        ...


def begin(methods: tuple[EapMethod, ...], entropy: Entropy) -> Conversation:
    """A conversation with the liked best of `methods`; there is at least one."""
    first, *others = methods
    nothing = EapMessage(EapCode.REQUEST, entropy.octets(1)[0])
    return METHODS[first].begins(Conversation(nothing, first, tuple(others)), entropy)


def hear(
    conversation: Conversation, response: EapMessage, users: tuple[User, ...], entropy: Entropy
) -> Conversation:
    """The conversation after the client's answer; one that answers something else fails (RFC 7296 section 3.16)."""
    if response.code != EapCode.RESPONSE or response.identifier != conversation.said.identifier:
        return conversation.ends(EapCode.FAILURE)
    if response.type == EapType.NAK:
        return _other_method(conversation, response.data, entropy)
    method = METHODS[conversation.method]
    if response.type != method.kind:
        return conversation.ends(EapCode.FAILURE)
    return method.hears(conversation, response.data, users, entropy)


def _other_method(conversation: Conversation, wanted: bytes, entropy: Entropy) -> Conversation:
    """After a Nak a method that the client wants and that was not tried yet, or Failure (RFC 3748 section 5.3.1)."""
    fit = [name for name in conversation.untried if METHODS[name].kind in wanted]
    if not fit or conversation.failures or conversation.user is not None:
        return conversation.ends(EapCode.FAILURE)
    chosen = fit[0]
    untried = tuple(name for name in conversation.untried if name != chosen)
    return METHODS[chosen].begins(replace(conversation, method=chosen, untried=untried), entropy)


def _user(users: tuple[User, ...], name: bytes) -> User | None:
    return next((user for user in users if user.name.encode() == name), None)


class Md5:
    """MD5-Challenge: a digest of the password and a challenge; the server proves nothing (RFC 3748 section 5.4)."""

    kind = EapType.MD5_CHALLENGE

    def begins(self, conversation: Conversation, entropy: Entropy) -> Conversation:
        """A challenge."""
        challenge = entropy.octets(CHALLENGE_OCTETS)
        return conversation.asks(self.kind, Value(challenge, SERVER_NAME).encode(), challenge=challenge)

    def hears(
        self, conversation: Conversation, data: bytes, users: tuple[User, ...], _: Entropy
    ) -> Conversation:
        """Success for the digest of a user's password; there is no second try. Who gives no name is who he said to be."""
        answer = read_value(data)
        user = None if answer is None else _user(users, answer.name or conversation.claimed)
        if answer is None or user is None:
            return conversation.ends(EapCode.FAILURE)
        hashed = bytes([conversation.said.identifier]) + user.password.encode() + conversation.challenge
        right = hashlib.md5(hashed, usedforsecurity=False).digest()
        if not hmac.compare_digest(right, answer.value):
            return conversation.ends(EapCode.FAILURE)
        return conversation.ends(EapCode.SUCCESS, user=user)


class MsChapV2Server:
    """MSCHAPv2: both ends prove the password, and a key follows (draft-kamath-pppext-eap-mschapv2-02)."""

    kind = EapType.MSCHAPV2

    def begins(self, conversation: Conversation, entropy: Entropy) -> Conversation:
        """A challenge."""
        challenge = entropy.octets(CHALLENGE_OCTETS)
        value = Value(challenge, SERVER_NAME).encode()
        return self._says(conversation, MsChapOpcode.CHALLENGE, value, challenge=challenge)

    def hears(
        self, conversation: Conversation, data: bytes, users: tuple[User, ...], entropy: Entropy
    ) -> Conversation:
        """The server's proof for a right Response, another try for a wrong one; Success once the proof is accepted."""
        packet = read_mschap(data)
        if packet is None:
            return conversation.ends(EapCode.FAILURE)
        if conversation.user is not None:
            accepted = packet.opcode == MsChapOpcode.SUCCESS
            return conversation.ends(EapCode.SUCCESS if accepted else EapCode.FAILURE)
        if packet.opcode != MsChapOpcode.RESPONSE or conversation.failures > RETRIES:
            return conversation.ends(EapCode.FAILURE)
        return self._weighs(conversation, packet.data, users, entropy)

    def _weighs(
        self, conversation: Conversation, data: bytes, users: tuple[User, ...], entropy: Entropy
    ) -> Conversation:
        answer = read_value(data)
        if answer is None or len(answer.value) != _RESPONSE_OCTETS:
            return conversation.ends(EapCode.FAILURE)
        name = without_domain(answer.name)
        user = _user(users, name)
        theirs, proof = answer.value[:CHALLENGE_OCTETS], answer.value[-NT_RESPONSE_OCTETS - 1 : -1]
        if user is None:
            return self._refuses(conversation, entropy)
        both = MsChapV2(name, user.password, conversation.challenge, theirs)
        if not hmac.compare_digest(both.nt_response, proof):
            return self._refuses(conversation, entropy)
        words = f"S={both.authenticator_response.hex().upper()} M=Welcome"
        return self._says(conversation, MsChapOpcode.SUCCESS, words.encode(), user=user, msk=both.msk)

    def _refuses(self, conversation: Conversation, entropy: Entropy) -> Conversation:
        """Error 691, with a fresh challenge for another try while there are some left."""
        failures, challenge = conversation.failures + 1, entropy.octets(CHALLENGE_OCTETS)
        again = int(failures <= RETRIES)
        words = f"E=691 R={again} C={challenge.hex().upper()} V=3 M=Authentication failure"
        return self._says(
            conversation, MsChapOpcode.FAILURE, words.encode(), challenge=challenge, failures=failures
        )

    def _says(
        self, conversation: Conversation, opcode: MsChapOpcode, data: bytes, **changes: object
    ) -> Conversation:
        """The next Request, with its identifier as that of the packet."""
        identifier = (conversation.said.identifier + 1) & 0xFF
        return conversation.asks(self.kind, MsChap(opcode, identifier, data).encode(), **changes)


METHODS: Mapping[EapMethod, Server] = {"md5": Md5(), "mschapv2": MsChapV2Server()}
