"""How the ends of a swanctl connection prove who they are: sections, secrets, and the files that go with them."""

import re
from collections.abc import Iterable, Iterator, Mapping

from harness.codes import AuthMethodV1
from harness.profile.configuration import Configuration, Identity
from harness.profile.credentials import Credentials, Proof
from harness.profile.ways import Way

Sections = Mapping[str, list[str]]
"""Lines by the name of their section."""

CERTIFICATE, KEY, ANCHOR = "local.crt", "local.key", "anchor{}.crt"
"""What the files are called; each certificate of the chain behind the first is taken up as `chain1.crt` and so on."""

_PROOFS: Mapping[Proof, str] = {"psk": "psk", "signature": "pubkey", "eap": "eap"}
_METHODS_V1: Mapping[int, str] = {
    AuthMethodV1.PRE_SHARED_KEY: "psk",
    AuthMethodV1.RSA_SIGNATURES: "pubkey",
    AuthMethodV1.ECDSA_SHA256_P256: "pubkey",
    AuthMethodV1.ECDSA_SHA384_P384: "pubkey",
    AuthMethodV1.ECDSA_SHA512_P521: "pubkey",
    AuthMethodV1.XAUTH_INIT_PRE_SHARED: "psk",
    AuthMethodV1.XAUTH_INIT_RSA: "pubkey",
}
_XAUTH = (AuthMethodV1.XAUTH_INIT_PRE_SHARED, AuthMethodV1.XAUTH_INIT_RSA)
_ID_WORDS = {"fqdn": "fqdn:", "user_fqdn": "email:", "key_id": "keyid:", "dn": "asn1dn:"}


def method_v1(configuration: Configuration) -> int:
    """The one method of phase 1 that a connection can have: that of the first policy."""
    return configuration.proposals_v1[0].auth


def ends(configuration: Configuration, way: Way) -> Sections:
    """The sections of both ends."""
    if way == "v2":
        return {"local": _local(configuration), "remote": _remote(configuration)}
    auth = _METHODS_V1.get(method_v1(configuration))
    if auth is None:
        raise ValueError(f"strongSwan has no word for the method {method_v1(configuration)} of phase 1")
    sections = {
        "local": [f"auth = {auth}", *_known_by(configuration.local_id), *_own(configuration, auth)],
        "remote": [f"auth = {auth}", *_known_by(configuration.remote_id), *_trusted(configuration, auth)],
    }
    if method_v1(configuration) not in _XAUTH:
        return sections
    asks = configuration.version1.xauth is not None
    user = [] if asks else [f"xauth_id = {quoted(configuration.users[0].name)}"]
    return {**sections, "remote-xauth" if asks else "local-xauth": ["auth = xauth", *user]}


def _local(configuration: Configuration) -> list[str]:
    auth = _word(configuration.local_auth)
    user = [f"eap_id = {quoted(configuration.users[0].name)}"] if auth == "eap" else []
    return [f"auth = {auth}", *_known_by(configuration.local_id), *user, *_own(configuration, auth)]


def _remote(configuration: Configuration) -> list[str]:
    auth = _word(configuration.remote_auth)
    asked = [f"auth = eap-{configuration.eap_methods[0]}", "eap_id = %any"] if auth == "eap" else []
    return [
        *(asked or [f"auth = {auth}"]),
        *_known_by(configuration.remote_id),
        *_trusted(configuration, auth),
    ]


def _word(proof: Proof) -> str:
    if proof not in _PROOFS:
        raise ValueError(f"strongSwan has no word for the proof {proof!r}")
    return _PROOFS[proof]


def _known_by(who: Identity | None) -> list[str]:
    return [f"id = {identity(who)}"]


def _own(configuration: Configuration, auth: str) -> list[str]:
    return [f"certs = {CERTIFICATE}"] if auth == "pubkey" and configuration.credentials else []


def _trusted(configuration: Configuration, auth: str) -> list[str]:
    if auth != "pubkey" or configuration.credentials is None:
        return []
    names = [ANCHOR.format(number) for number, _ in enumerate(configuration.credentials.anchors)]
    return [f"cacerts = {','.join(names)}"] if names else []


def post_quantum(configuration: Configuration) -> list[str]:
    """The options of a connection that shares a post-quantum key."""
    ppk = configuration.ppk
    if ppk is None:
        return []
    return [f"ppk_id = {_ppk_id(ppk.identity)}", f"ppk_required = {'yes' if ppk.mandatory else 'no'}"]


def secrets(configuration: Configuration, *, hide: bool = False) -> Sections:
    """The sections of the secrets: shared keys as octets, so that no quoting can go wrong."""

    def secret(octets: bytes) -> str:
        return f"secret = {'<hidden>' if hide else f'0x{octets.hex()}'}"

    found = {"ike-psk": [secret(configuration.psk)]}
    for number, user in enumerate(configuration.users):
        for kind in ("eap", "xauth"):
            found[f"{kind}-{number}"] = [f"id = {quoted(user.name)}", secret(user.password.encode())]
    if configuration.ppk is not None:
        found["ppk"] = [f"id = {_ppk_id(configuration.ppk.identity)}", secret(configuration.ppk.secret)]
    return found


def swanctl_files(configuration: Configuration) -> dict[str, bytes]:
    """What lies in swanctl's directories, by its path there."""
    return {} if configuration.credentials is None else dict(_files(configuration.credentials))


def _files(credentials: Credentials) -> Iterator[tuple[str, bytes]]:
    if credentials.chain:
        yield f"x509/{CERTIFICATE}", credentials.chain[0]
        yield f"private/{KEY}", credentials.key
    for number, certificate in enumerate(credentials.chain[1:], 1):
        yield f"x509ca/chain{number}.crt", certificate
    for number, certificate in enumerate(credentials.anchors):
        yield f"x509ca/{ANCHOR.format(number)}", certificate


def _ppk_id(octets: bytes) -> str:
    text = octets.decode("ascii", "replace")
    if not re.fullmatch(r"[\w.@-]+", text):
        raise ValueError(f"strongSwan has no words for the PPK_ID {text!r}")
    return quoted(text)


def identity(who: Identity | None) -> str:
    """An identity as strongSwan reads it, its kind said so that nothing is guessed."""
    if who is None:
        return "%any"
    if who.kind in ("ipv4", "ipv6"):
        return who.value
    if who.kind != "dn" and re.fullmatch(r"[!\"$-~]+", who.value):
        return quoted(_ID_WORDS[who.kind] + who.value)
    return quoted(f"{_ID_WORDS[who.kind]}#{who.data.hex()}")


def quoted(text: str) -> str:
    """A value between quotes, as the settings parser undoes them."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("strongSwan's settings hold no control characters")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def section(name: str, *parts: Iterable[str]) -> list[str]:
    """`name { … }` with its parts indented."""
    return [f"{name} {{", *(f"  {line}" for part in parts for line in part), "}"]
