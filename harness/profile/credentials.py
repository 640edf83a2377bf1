"""How the ends of a tunnel prove who they are: by a shared key, a certificate, a password, or not at all."""

from dataclasses import dataclass, field
from typing import Literal

Proof = Literal["psk", "signature", "eap", "null"]
"""By what an end proves who it is: RFC 7296 section 2.15 (a shared key, a signature) and 2.16, RFC 7619."""
PROOFS: tuple[Proof, ...] = ("psk", "signature", "eap", "null")
EapMethod = Literal["mschapv2", "md5"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an end signs with, and by whom it knows others; certificates and the PKCS #8 key are in DER.

    `chain` begins with the end's own certificate, each following one issued that before it. An end that
    only verifies has neither chain nor key.
    """

    chain: tuple[bytes, ...] = ()
    key: bytes = field(default=b"", repr=False)
    anchors: tuple[bytes, ...] = ()
    """The certificates of the authorities that it trusts."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who proves himself by a password."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ppk:
    """A key that quantum computers can't compute, mixed into those of the IKE SA (RFC 8784)."""

    identity: bytes
    secret: bytes = field(repr=False)
    mandatory: bool = True
    """Whether an IKE SA without it is refused."""
