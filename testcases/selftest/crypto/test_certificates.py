"""Certificates: what is read, which paths lead to a trust anchor, and whose identity is proved."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from harness.codes import IdType
from harness.crypto.certificate import (
    Certificate,
    certification_path,
    identity_objection,
    read_authorities,
    read_certificate,
    write_authorities,
)

DAY = 86400.0
START = datetime(2020, 1, 1, tzinfo=UTC)
NOW = START.timestamp() + 30 * DAY
AUTHORITY = (x509.BasicConstraints(ca=True, path_length=None),)
NAMES = x509.SubjectAlternativeName(
    [
        x509.DNSName("gw.Example.org"),
        x509.RFC822Name("Admin@example.org"),
        x509.IPAddress(ip_address("192.0.2.1")),
        x509.IPAddress(ip_address("2001:db8::1")),
        x509.IPAddress(ip_network("198.51.100.0/24")),
        x509.UniformResourceIdentifier("ike://gw"),
    ]
)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])


def _key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes((number,)) * 32)


@dataclass(frozen=True)
class Holder:
    """Someone with a key and a certificate, who can issue others."""

    key: Ed25519PrivateKey
    certificate: Certificate
    name: x509.Name

    def issue(self, common: str, number: int, *extensions: x509.ExtensionType, **how: object) -> "Holder":
        """Whoever has the key of this number, under a certificate of this one's."""
        return _issue(self.name, self.key, common, _key(number), *extensions, **how)


def _issue(
    issuer: x509.Name,
    issuer_key: Ed25519PrivateKey,
    common: str,
    key: Ed25519PrivateKey,
    *extensions: x509.ExtensionType,
    critical: bool = False,
    days: int = 365,
    after: int = 0,
) -> Holder:
    begin = START + timedelta(days=after)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical)
    read = read_certificate(builder.sign(issuer_key, None).public_bytes(Encoding.DER))
    assert isinstance(read, Certificate)
    return Holder(key, read, _name(common))


def _root(common: str = "root", number: int = 1, *extensions: x509.ExtensionType, **how: object) -> Holder:
    return _issue(_name(common), _key(number), common, _key(number), *(extensions or AUTHORITY), **how)


ROOT = _root()
MIDDLE = ROOT.issue("middle", 2, *AUTHORITY)
END = MIDDLE.issue("end", 3, NAMES)


def _path(
    end: Holder, *others: Holder, anchors: tuple[Holder, ...] = (ROOT,), now: float = NOW
) -> list[Holder] | str:
    known = {holder.certificate.der: holder for holder in (end, *others, *anchors)}
    certificates = [holder.certificate for holder in others]
    path = certification_path(end.certificate, certificates, [each.certificate for each in anchors], now)
    return path if isinstance(path, str) else [known[each.der] for each in path]


def _usage(*set_bits: str) -> x509.KeyUsage:
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{bit: bit in set_bits for bit in bits.split()})


# --- paths --------------------------------------------------------------------------------------------------------


def test_a_path_leads_from_the_end_to_the_anchor() -> None:
    """The path holds the end first and the trust anchor last."""
    assert _path(END, MIDDLE) == [END, MIDDLE, ROOT]


def test_other_certificates_may_come_in_any_order_and_be_of_no_use() -> None:
    """What a peer sends besides is not in the way."""
    stray = _root("stray", 9)

    assert _path(END, stray, END, ROOT, MIDDLE) == [END, MIDDLE, ROOT]


def test_an_end_that_is_trusted_itself_needs_no_path() -> None:
    """A peer's certificate may be an anchor, as where both ends hold each other's."""
    alone = _root("alone", 7, NAMES)

    assert _path(alone, anchors=(alone,)) == [alone]


def test_a_missing_issuer_is_said() -> None:
    """Without the certificate between there is no path."""
    assert _path(END) == "no certificate of its issuer is at hand"


def test_a_path_to_nobody_who_is_trusted_is_none() -> None:
    """A root that a peer brings along is not trusted for that."""
    assert _path(END, MIDDLE, ROOT, anchors=()) == "no certificate of its issuer is at hand"


def test_the_issuers_name_alone_vouches_for_nothing() -> None:
    """Another authority of the same name, with another key, leads nowhere."""
    impostor = _root("root", 8)

    assert _path(END, MIDDLE, anchors=(impostor,)) == "an issuer's signature does not hold"


def test_an_authority_may_have_two_certificates() -> None:
    """Where one certificate of an authority fails, another one of the same name and key is tried."""
    impostor = _root("root", 8)
    expired = ROOT.issue("middle", 2, *AUTHORITY, days=1)

    assert _path(END, expired, MIDDLE, anchors=(impostor, ROOT)) == [END, MIDDLE, ROOT]


def test_a_circle_ends() -> None:
    """Two authorities that vouch for each other lead nowhere, and the search ends."""
    one = _issue(_name("two"), _key(5), "one", _key(4), *AUTHORITY)
    two = _issue(_name("one"), _key(4), "two", _key(5), *AUTHORITY)
    end = one.issue("end", 3)

    assert _path(end, one, two) == "no certificate of its issuer is at hand"


@pytest.mark.parametrize(
    ("now", "why"), [(START.timestamp() - 1, "not valid yet"), (START.timestamp() + 366 * DAY, "has expired")]
)
def test_time_is_an_argument(now: float, why: str) -> None:
    """The same certificates are too early, good, or too late, as the caller's clock says."""
    assert why in str(_path(END, MIDDLE, now=now))


@pytest.mark.parametrize("days", [0.0, 365.0])
def test_both_ends_of_the_validity_are_valid(days: float) -> None:
    """The period includes its first and last moment (RFC 5280 section 4.1.2.5)."""
    assert _path(END, MIDDLE, now=START.timestamp() + days * DAY) == [END, MIDDLE, ROOT]


@pytest.mark.parametrize("which", ["middle", "root"])
def test_issuers_expire_too(which: str) -> None:
    """A path is as good as each certificate in it, the trust anchor's too."""
    root = _root(days=10) if which == "root" else ROOT
    middle = root.issue("middle", 2, *AUTHORITY, days=10 if which == "middle" else 365)

    assert _path(middle.issue("end", 3), middle, anchors=(root,)) == "a certificate has expired"


@pytest.mark.parametrize(
    "extensions", [(), (x509.BasicConstraints(ca=False, path_length=None),), (_usage("key_cert_sign"),)]
)
def test_only_authorities_issue(extensions: tuple[x509.ExtensionType, ...]) -> None:
    """An issuer says in basicConstraints that it is an authority (RFC 5280 section 6.1.4)."""
    middle = ROOT.issue("middle", 2, *extensions)

    assert _path(middle.issue("end", 3), middle) == "an issuer is no certification authority"


def test_an_issuers_key_is_for_signing_certificates() -> None:
    """Where keyUsage is there, keyCertSign is in it (RFC 5280 section 6.1.4)."""
    middle = ROOT.issue("middle", 2, *AUTHORITY, _usage("digital_signature"))

    assert _path(middle.issue("end", 3), middle) == "an issuer's key is not for signing certificates"


@pytest.mark.parametrize(("allowed", "good"), [(0, False), (1, True)])
def test_a_path_has_the_length_that_an_authority_allows(allowed: int, good: bool) -> None:
    """PathLenConstraint counts the authorities below, not the end (RFC 5280 section 4.2.1.9)."""
    root = _root("root", 1, x509.BasicConstraints(ca=True, path_length=allowed))
    middle = root.issue("middle", 2, *AUTHORITY)

    assert (
        _path(middle.issue("end", 3), middle, anchors=(root,)) != "1 authorities are below one that allows 0"
    ) is good


@pytest.mark.parametrize(
    ("bits", "good"),
    [
        (("digital_signature",), True),
        (("content_commitment",), True),
        (("digital_signature", "key_encipherment"), True),
        (("key_encipherment",), False),
        (("key_cert_sign",), False),
    ],
)
def test_the_ends_key_is_for_signatures(bits: tuple[str, ...], good: bool) -> None:
    """Where keyUsage is there, digitalSignature or nonRepudiation is in it (RFC 4945 section 5.1.3.2)."""
    end = ROOT.issue("end", 3, _usage(*bits))

    assert _path(end) == ([end, ROOT] if good else "the certificate's key is not for signatures")


@pytest.mark.parametrize(
    ("usages", "good"),
    [
        ((ExtendedKeyUsageOID.IPSEC_IKE,), True),
        ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), True),
        ((ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.IPSEC_IKE), True),
        ((ExtendedKeyUsageOID.CODE_SIGNING,), False),
    ],
)
def test_the_ends_key_is_for_ike(usages: tuple[ObjectIdentifier, ...], good: bool) -> None:
    """Where extendedKeyUsage is there, IKE or anything is in it (RFC 4945 section 5.1.3.12)."""
    end = ROOT.issue("end", 3, x509.ExtendedKeyUsage(usages))

    assert _path(end) == ([end, ROOT] if good else "the certificate's key is not for IKE")


def test_an_unknown_critical_extension_is_refused() -> None:
    """What is critical and not understood makes a certificate unusable (RFC 5280 section 4.2)."""
    odd = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")

    assert "1.2.3.4" in str(_path(ROOT.issue("end", 3, odd, critical=True)))
    assert isinstance(_path(ROOT.issue("end", 3, odd)), list)


def test_constraints_on_names_are_not_obeyed_and_therefore_refused() -> None:
    """An authority under critical nameConstraints leads nowhere, as nothing here obeys them."""
    names = x509.NameConstraints([x509.DNSName("example.org")], None)
    middle = ROOT.issue("middle", 2, *AUTHORITY, names, critical=True)

    assert "2.5.29.30" in str(_path(middle.issue("end", 3), middle))


def test_other_keys_and_hashes_vouch_too() -> None:
    """An RSA or ECDSA authority issues as well as an Ed25519 one."""
    key = ec.derive_private_key(2**200 + 1, ec.SECP384R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("curve"))
        .issuer_name(_name("curve"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=365))
        .add_extension(AUTHORITY[0], critical=True)
    )
    octets = builder.sign(key, hashes.SHA384(), ecdsa_deterministic=True).public_bytes(Encoding.DER)
    curve = read_certificate(octets)
    assert isinstance(curve, Certificate)

    end = _issue_under_curve(key)
    assert certification_path(end, (), (curve,), NOW) == (end, curve)


def _issue_under_curve(key: ec.EllipticCurvePrivateKey) -> Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("end"))
        .issuer_name(_name("curve"))
        .public_key(_key(3).public_key())
        .serial_number(2)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=365))
    )
    read = read_certificate(
        builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)
    )
    assert isinstance(read, Certificate)
    return read


# --- identities ---------------------------------------------------------------------------------------------------

PROVED = [
    (IdType.ID_FQDN, b"gw.example.org"),
    (IdType.ID_FQDN, b"GW.EXAMPLE.ORG"),
    (IdType.ID_RFC822_ADDR, b"Admin@Example.Org"),
    (IdType.ID_IPV4_ADDR, bytes((192, 0, 2, 1))),
    (IdType.ID_IPV6_ADDR, ip_address("2001:db8::1").packed),
    (IdType.ID_DER_ASN1_DN, _name("end").public_bytes()),
]
OTHERS = [
    (IdType.ID_FQDN, b"gw.example.org."),
    (IdType.ID_FQDN, b"example.org"),
    (IdType.ID_FQDN, b"*.example.org"),
    (IdType.ID_FQDN, b"gw.example.org\x00"),
    (IdType.ID_FQDN, b""),
    (IdType.ID_RFC822_ADDR, b"admin@example.org"),
    (IdType.ID_RFC822_ADDR, b"Admin"),
    (IdType.ID_IPV4_ADDR, bytes((192, 0, 2, 2))),
    (IdType.ID_IPV4_ADDR, bytes((198, 51, 100, 0))),
    (IdType.ID_DER_ASN1_DN, _name("END").public_bytes()),
    (IdType.ID_DER_ASN1_DN, b"end"),
]


@pytest.mark.parametrize(("id_type", "data"), PROVED)
def test_a_certificate_proves_what_it_names(id_type: IdType, data: bytes) -> None:
    """Names, addresses and the whole subject are proved (RFC 4945 section 3.1)."""
    assert identity_objection(END.certificate, id_type, data) is None


@pytest.mark.parametrize(("id_type", "data"), OTHERS)
def test_a_certificate_proves_nothing_else(id_type: IdType, data: bytes) -> None:
    """Parts of names, wildcards, networks, and the common name alone are not proved."""
    assert (
        identity_objection(END.certificate, id_type, data)
        == "the certificate names another identity of this type"
    )


@pytest.mark.parametrize("id_type", [0, 4, 10, 11, 13, 201])
def test_types_that_no_certificate_names(id_type: int) -> None:
    """A type that certificates say nothing of is not proved, and named."""
    assert f"type {id_type}" in str(identity_objection(END.certificate, id_type, b"end"))


def test_a_common_name_is_no_domain_name() -> None:
    """A domain name has to be in subjectAltName (RFC 4945 section 3.1)."""
    holder = ROOT.issue("gw.example.org", 3)

    assert "type 2" in str(identity_objection(holder.certificate, IdType.ID_FQDN, b"gw.example.org"))


def test_an_empty_subject_is_nobody() -> None:
    """A certificate without a subject does not prove the empty distinguished name."""
    holder = ROOT.issue("", 3, NAMES)

    assert "type 9" in str(identity_objection(holder.certificate, IdType.ID_DER_ASN1_DN, b"\x30\x00"))


@given(id_type=st.integers(0, 255), data=st.binary(max_size=40))
def test_no_identity_raises(id_type: int, data: bytes) -> None:
    """Whatever an ID payload says, it is proved or it is not."""
    assert identity_objection(END.certificate, id_type, data)


# --- reading ------------------------------------------------------------------------------------------------------


def test_an_authority_is_named_by_its_keys_hash() -> None:
    """KeyHash is SHA-1 of SubjectPublicKeyInfo (RFC 7296 section 3.7)."""
    spki = _key(1).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert ROOT.certificate.key_hash == sha1(spki, usedforsecurity=False).digest()


def test_the_keys_hash_is_over_the_octets_that_stand_there() -> None:
    """A key that is marked for RSASSA-PSS alone (RFC 4055 section 1.2) is hashed with its mark."""
    key = rsa.generate_private_key(65537, 2048)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    plain, pss = bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d01010a")
    marked = spki.replace(plain, pss)
    marked = marked[:2] + (len(marked) - 4).to_bytes(2, "big") + marked[4:]
    octets = _reread(_signed(key), spki, marked)
    read = read_certificate(octets)

    assert isinstance(read, Certificate)
    assert read.key_hash == sha1(marked, usedforsecurity=False).digest()
    assert isinstance(read.public_key, rsa.RSAPublicKey)


def _signed(key: rsa.RSAPrivateKey) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("pss"))
        .issuer_name(_name("pss"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _reread(der: bytes, old: bytes, new: bytes) -> bytes:
    """A certificate with a part exchanged for a shorter one, the lengths around it made true."""
    body = der.replace(old, new)
    shorter = len(old) - len(new)
    outer = (int.from_bytes(body[2:4], "big") - shorter).to_bytes(2, "big")
    inner = (int.from_bytes(body[6:8], "big") - shorter).to_bytes(2, "big")
    return body[:2] + outer + body[4:6] + inner + body[8:]


def test_authorities_are_written_and_read() -> None:
    """The Certification Authority field is the hashes, one after the other."""
    field = write_authorities((ROOT.certificate, MIDDLE.certificate))

    assert len(field) == 40
    assert read_authorities(field) == (ROOT.certificate.key_hash, MIDDLE.certificate.key_hash)
    assert read_authorities(field[:-1]) == (ROOT.certificate.key_hash,)
    assert read_authorities(b"") == ()


def test_a_certificate_for_another_kind_of_key_is_refused() -> None:
    """A key that signs nothing is of no use in IKE, and named."""
    key = X25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("agree"))
        .issuer_name(_name("root"))
        .public_key(key)
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
    )

    assert "X25519" in str(read_certificate(builder.sign(_key(1), None).public_bytes(Encoding.DER)))


def test_a_name_of_a_strange_kind_does_not_raise() -> None:
    """A common name that is a BIT STRING makes no certificate."""
    strange = END.certificate.der.replace(b"\x0c\x03end", b"\x03\x03\x00nd")

    assert read_certificate(strange) == "the octets hold no certificate that can be read"


def test_an_extension_with_a_strange_number_does_not_raise() -> None:
    """A TLS feature without a name (RFC 7633) makes no certificate."""
    feature = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.5.5.7.1.24"), bytes.fromhex("3003020152"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("end"))
        .issuer_name(ROOT.name)
        .public_key(_key(3).public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
        .add_extension(feature, critical=False)
    )

    octets = builder.sign(ROOT.key, None).public_bytes(Encoding.DER)
    assert read_certificate(octets) == "the octets hold no certificate that can be read"


@given(octets=st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    """Octets that hold no certificate say so."""
    assert isinstance(read_certificate(octets), str)


@given(
    place=st.integers(0, len(END.certificate.der) - 1), octet=st.integers(0, 255), rest=st.binary(max_size=3)
)
def test_a_bent_certificate_leads_nowhere(place: int, octet: int, rest: bytes) -> None:
    """A certificate with one octet changed is not read, or has no path; nothing raises."""
    bent = bytearray(END.certificate.der)
    bent[place] = octet
    read = read_certificate(bytes(bent) + rest)
    if not isinstance(read, Certificate) or read.der == END.certificate.der:
        return

    assert isinstance(certification_path(read, (MIDDLE.certificate,), (ROOT.certificate,), NOW), str)
    identity_objection(read, IdType.ID_FQDN, b"gw.example.org")
