"""RFC 9242 section 3.3 and RFC 9370 section 2.2: what IKE_INTERMEDIATE adds to AUTH, and what more key exchanges to the keys."""

from dataclasses import field
from typing import Self

from harness.crypto import prf
from harness.sa.v2 import Keys, rekeyed_keys
from harness.values import value
from harness.wire import Message, Payload, encode_chain, replace
from harness.wire.v2 import Encrypted


def updated_keys(old: Keys, ni: bytes, nr: bytes, shared: bytes) -> Keys:
    """The keys after an additional key exchange before IKE_AUTH (RFC 9370 section 2.2.2).

    They are made as for a rekey, by the SK_d in force, but SPIs, suite and nonces stay those of IKE_SA_INIT.
    """
    return rekeyed_keys(old, old.suite, old.spi_i, old.spi_r, ni, nr, shared)


def bare_octets(header: Message, first: int, plaintext: bytes, flags: int = 0) -> bytes:
    """The octets of a message that IntAuth covers: A | P, whole, as if nothing in it were encrypted (section 3.3.2).

    `header` gives the header and the payloads in clear, `first` is the type of the first payload inside, `flags`
    the octet of the Encrypted payload, or of its first fragment, that holds its RESERVED field.
    """
    bare = Encrypted(data=plaintext, inner=first, flags=flags)
    return replace(header, payloads=(*header.payloads, bare), next_payload=None, length=None).encode()


def bare_octets_of(received: Message, first: int, plaintext: bytes) -> bytes:
    """`bare_octets` of a message as it came, its Encrypted payload or a fragment of it at the end."""
    *clear, protected = received.payloads
    return bare_octets(replace(received, payloads=tuple(clear)), first, plaintext, protected.flags)


def bare_octets_with(header: Message, payloads: tuple[Payload, ...]) -> bytes:
    """`bare_octets` of a message that is to be sent with these payloads inside."""
    return bare_octets(header, payloads[0].type if payloads else 0, encode_chain(payloads))


@value
class IntAuth:
    """What the IKE_INTERMEDIATE exchanges of an IKE SA come to: IntAuth_iN and IntAuth_rN (RFC 9242 section 3.3.2)."""

    exchanges: int = 0
    initiator: bytes = field(default=b"", repr=False)
    responder: bytes = field(default=b"", repr=False)

    def then(self, keys: Keys, request: bytes, response: bytes) -> Self:
        """This, after one more exchange: its messages' `bare_octets`, and the keys that protected them."""
        function = prf(keys.suite.prf)
        return type(self)(
            self.exchanges + 1,
            function(keys.sk_pi, self.initiator + request),
            function(keys.sk_pr, self.responder + response),
        )

    @property
    def octets(self) -> bytes:
        """What follows the signed octets of both ends: nothing, or IntAuth_iN | IntAuth_rN | IKE_AUTH_MID.

        Message IDs count the exchanges, so that of the first IKE_AUTH follows from them (section 3.2).
        """
        if not self.exchanges:
            return b""
        return self.initiator + self.responder + (self.exchanges + 1).to_bytes(4, "big")


NO_INT_AUTH = IntAuth()
"""That of an IKE SA without IKE_INTERMEDIATE."""
