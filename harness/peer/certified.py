"""Credentials for the two ends of a tunnel, from an authority of this project's own that everybody may know."""

from functools import cache

from harness.codes import AuthMethod
from harness.crypto.authority import ALWAYS, Authority, KeyKind, Lifetime
from harness.profile import Configuration, Credentials, Identity, Proof
from harness.values import replace

SIGNATURES = (
    AuthMethod.RSA_SIGNATURE,
    AuthMethod.ECDSA_SHA256_P256,
    AuthMethod.ECDSA_SHA384_P384,
    AuthMethod.ECDSA_SHA512_P521,
    AuthMethod.DIGITAL_SIGNATURE,
)
"""The methods of AUTH that are signatures (RFC 7296 section 3.8, RFC 4754, RFC 7427)."""


@cache
def authority(name: str = "Test Authority") -> Authority:
    """The authority of this name."""
    return Authority(name)


def credentials(
    identity: Identity,
    *,
    by: Authority | None = None,
    kind: KeyKind = "p256",
    lifetime: Lifetime = ALWAYS,
) -> Credentials:
    """A key and a certificate of this identity, and trust in the authority of tests; `by` is another issuer."""
    issuer = by or authority()
    certificate, key = issuer.issue(
        identity.value, [(identity.id_type, identity.data)], kind=kind, lifetime=lifetime
    )
    return Credentials((certificate,), key, (authority().certificate,))


def certified(
    configuration: Configuration, local: Proof = "signature", remote: Proof = "signature"
) -> Configuration:
    """The configuration with credentials for both of its ends, which prove themselves so."""
    other = configuration.mirrored().local_id
    return replace(
        configuration,
        local_auth=local,
        remote_auth=remote,
        credentials=credentials(configuration.local_id),
        peer_credentials=credentials(other),
    )
