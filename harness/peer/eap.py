"""EAP as the peer's client speaks it (RFC 3748): Identity, Nak, MD5-Challenge and MSCHAPv2."""

import hashlib
from collections.abc import Collection
from enum import StrEnum

from harness.clock import Entropy
from harness.codes import EapCode, EapType, MsChapOpcode
from harness.profile import User
from harness.sa.mschapv2 import MsChapV2, without_domain
from harness.wire.eap import EapMessage, MsChap, Value, read_eap, read_mschap, read_value

ALL = (EapType.MSCHAPV2, EapType.MD5_CHALLENGE)


class Outcome(StrEnum):
    """How far the conversation has come."""

    OPEN = "open"
    SUCCESS = "success"
    FAILURE = "failure"


class EapClient:
    """A client of one user; it speaks the methods named, the one liked best first, and asks for them by a Nak."""

    def __init__(self, user: User, entropy: Entropy, methods: Collection[EapType] = ALL) -> None:
        self.user = user
        self.methods = tuple(methods)
        self.outcome = Outcome.OPEN
        self.msk = b""
        self.why = ""
        """Why it stopped answering."""
        self._entropy = entropy
        self._exchange: MsChapV2 | None = None

    def hear(self, octets: bytes) -> EapMessage | None:
        """The Response to what the target says; None when there is none, `outcome` and `why` say whether that is good."""
        message = read_eap(octets)
        if isinstance(message, str):
            self.why = message
        elif message.code == EapCode.REQUEST:
            return self._answer(message)
        elif message.code == EapCode.SUCCESS:
            self.outcome = Outcome.SUCCESS
        elif message.code == EapCode.FAILURE:
            self.outcome = Outcome.FAILURE
        return None

    def _answer(self, request: EapMessage) -> EapMessage | None:
        kind = request.type
        if kind == EapType.IDENTITY:
            data: bytes | None = self._name
        elif kind == EapType.NOTIFICATION:
            data = b""
        elif kind not in self.methods:
            return EapMessage(EapCode.RESPONSE, request.identifier, EapType.NAK, bytes(self.methods))
        else:
            data = self._md5(request) if kind == EapType.MD5_CHALLENGE else self._mschapv2(request.data)
        return None if data is None else EapMessage(EapCode.RESPONSE, request.identifier, kind, data)

    @property
    def _name(self) -> bytes:
        return self.user.name.encode()

    def _md5(self, request: EapMessage) -> bytes | None:
        challenge = read_value(request.data)
        if challenge is None:
            self.why = "an MD5-Challenge without a challenge"
            return None
        secret = bytes([request.identifier]) + self.user.password.encode() + challenge.value
        return Value(hashlib.md5(secret, usedforsecurity=False).digest(), self._name).encode()

    def _mschapv2(self, data: bytes) -> bytes | None:
        packet = read_mschap(data)
        if packet is None or packet.identifier is None:
            self.why = "a packet of MSCHAPv2 that can't be read"
            return None
        if packet.opcode == MsChapOpcode.CHALLENGE:
            challenge = read_value(packet.data)
            return self._respond(packet.identifier, challenge.value if challenge is not None else b"")
        if packet.opcode == MsChapOpcode.FAILURE:
            return self._try_again(packet.identifier, packet.data)
        return self._accept(packet.data) if packet.opcode == MsChapOpcode.SUCCESS else None

    def _respond(self, identifier: int, challenge: bytes) -> bytes:
        """The user's proof: a challenge of our own, eight zeros, NT-Response and flags of zero."""
        ours = self._entropy.octets(16)
        self._exchange = MsChapV2(without_domain(self._name), self.user.password, challenge, ours)
        proof = ours + bytes(8) + self._exchange.nt_response + b"\0"
        return MsChap(MsChapOpcode.RESPONSE, identifier, Value(proof, self._name).encode()).encode()

    def _try_again(self, identifier: int, said: bytes) -> bytes:
        """Another Response where the target allows a retry, else the acknowledgement of Failure."""
        words = dict(word.partition(b"=")[::2] for word in said.split(b" "))
        try:
            challenge = bytes.fromhex(words.get(b"C", b"").decode("ascii", "replace"))
        except ValueError:
            challenge = b""
        if words.get(b"R") == b"1" and challenge:
            return self._respond(identifier, challenge)
        return MsChap(MsChapOpcode.FAILURE).encode()

    def _accept(self, said: bytes) -> bytes | None:
        """The acknowledgement of the target's proof, from when there is a key; None if it is no proof."""
        exchange = self._exchange
        right = b"" if exchange is None else b"S=" + exchange.authenticator_response.hex().upper().encode()
        if exchange is None or not said.startswith(right):
            self.why = "the target did not prove that it knows the password"
            return None
        self.msk = exchange.msk
        return MsChap(MsChapOpcode.SUCCESS).encode()
