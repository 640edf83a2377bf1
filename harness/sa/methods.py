"""The authentication methods of phase 1: what each proves an end with (RFC 2409 appendix A and later)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from harness.codes import AuthMethodV1, HashV1
from harness.values import replace, value


class Proof(StrEnum):
    """What an end shows to be believed."""

    PRE_SHARED_KEY = "pre-shared key"
    SIGNATURE = "signature"


@value
class Method:
    """An authentication method: its proof, and which end XAUTH asks for more afterwards, if any.

    `hash` is that of a signature algorithm tied to one: HASH_I and HASH_R are made with it (RFC 2409 section 5.1).
    """

    proof: Proof
    hash: int | None = None
    asks_initiator: bool = False
    asks_responder: bool = False


_PSK, _RSA = Method(Proof.PRE_SHARED_KEY), Method(Proof.SIGNATURE)

METHODS: Mapping[int, Method] = MappingProxyType(
    {
        AuthMethodV1.PRE_SHARED_KEY: _PSK,
        AuthMethodV1.RSA_SIGNATURES: _RSA,
        AuthMethodV1.ECDSA_SHA256_P256: Method(Proof.SIGNATURE, HashV1.SHA2_256),
        AuthMethodV1.ECDSA_SHA384_P384: Method(Proof.SIGNATURE, HashV1.SHA2_384),
        AuthMethodV1.ECDSA_SHA512_P521: Method(Proof.SIGNATURE, HashV1.SHA2_512),
        AuthMethodV1.XAUTH_INIT_PRE_SHARED: replace(_PSK, asks_initiator=True),
        AuthMethodV1.XAUTH_RESP_PRE_SHARED: replace(_PSK, asks_responder=True),
        AuthMethodV1.XAUTH_INIT_RSA: replace(_RSA, asks_initiator=True),
        AuthMethodV1.XAUTH_RESP_RSA: replace(_RSA, asks_responder=True),
    }
)
"""The methods that can be served here; those by DSS, by encryption and the hybrid ones can't."""
