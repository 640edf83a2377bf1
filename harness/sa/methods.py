"""The authentication methods of phase 1: what each proves an end with (RFC 2409 appendix A and later)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from harness.codes import AuthMethodV1


class Proof(StrEnum):
    """What an end shows to be believed."""

    PRE_SHARED_KEY = "pre-shared key"
    RSA_SIGNATURE = "RSA signature"


@dataclass(frozen=True, slots=True)
class Method:
    """An authentication method: its proof, and which end XAUTH asks for more afterwards, if any."""

    proof: Proof
    asks_initiator: bool = False
    asks_responder: bool = False


_PSK, _RSA = Method(Proof.PRE_SHARED_KEY), Method(Proof.RSA_SIGNATURE)

METHODS: Mapping[int, Method] = MappingProxyType(
    {
        AuthMethodV1.PRE_SHARED_KEY: _PSK,
        AuthMethodV1.RSA_SIGNATURES: _RSA,
        AuthMethodV1.XAUTH_INIT_PRE_SHARED: replace(_PSK, asks_initiator=True),
        AuthMethodV1.XAUTH_RESP_PRE_SHARED: replace(_PSK, asks_responder=True),
        AuthMethodV1.XAUTH_INIT_RSA: replace(_RSA, asks_initiator=True),
        AuthMethodV1.XAUTH_RESP_RSA: replace(_RSA, asks_responder=True),
    }
)
"""The methods that can be served here; those by DSS, by encryption and the hybrid ones can't."""
