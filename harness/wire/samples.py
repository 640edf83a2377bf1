"""A well-formed message of every exchange of both versions: seeds for mutation, matter for second readers.

Contents are readable even where the wire would carry them sealed; nothing here has keys.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from harness.codes import (
    AttributeP1,
    AttributeP2,
    AuthMethod,
    AuthMethodV1,
    CertEncoding,
    CfgAttribute,
    CfgType,
    Encapsulation,
    Encr,
    EncrV1,
    EspAuthV1,
    EspV1,
    Exchange,
    Group,
    HashV1,
    IdType,
    IdTypeV1,
    Integ,
    LifeType,
    NotifyType,
    NotifyTypeV1,
    Prf,
    Protocol,
    TransformType,
    TsType,
)
from harness.wire import v1, v2
from harness.wire.fields import Ciphertext, Payload, Unknown
from harness.wire.message import Message

_SPI_I = bytes.fromhex("1122334455667788")
_SPI_R = bytes.fromhex("99aabbccddeeff01")
_INITIATOR, _RESPONSE, _ENCRYPTED = 0x08, 0x20, 0x01


def _octets(count: int) -> bytes:
    return bytes((7 * n + 3) % 256 for n in range(count))


def _v2(
    exchange: Exchange, message_id: int, *payloads: Payload, flags: int = _INITIATOR, fresh: bool = False
) -> Message:
    return Message(_SPI_I, bytes(8) if fresh else _SPI_R, exchange, flags, message_id, payloads)


def _v1(
    exchange: Exchange, message_id: int, *payloads: Payload, flags: int = 0, fresh: bool = False
) -> Message:
    responder = bytes(8) if fresh else _SPI_R
    return Message(_SPI_I, responder, exchange, flags, message_id, payloads, version=0x10)


def _ike_proposals() -> tuple[v2.Proposal, ...]:
    aes = v2.Transform(TransformType.ENCR, Encr.ENCR_AES_CBC, (v2.Attribute(14, 128),))
    gcm = v2.Transform(TransformType.ENCR, Encr.ENCR_AES_GCM_16, (v2.Attribute(14, 256),))
    prf = v2.Transform(TransformType.PRF, Prf.PRF_HMAC_SHA2_256)
    integ = v2.Transform(TransformType.INTEG, Integ.AUTH_HMAC_SHA2_256_128)
    groups = (
        v2.Transform(TransformType.KE, Group.CURVE25519),
        v2.Transform(TransformType.KE, Group.MODP_2048),
    )
    return (
        v2.Proposal(1, Protocol.IKE, b"", (aes, prf, integ, *groups)),
        v2.Proposal(2, Protocol.IKE, b"", (gcm, prf, *groups)),
    )


def _child_proposals(spi: bytes = b"\xc1\xc2\xc3\xc4") -> tuple[v2.Proposal, ...]:
    return (
        v2.Proposal(
            1,
            Protocol.ESP,
            spi,
            (
                v2.Transform(TransformType.ENCR, Encr.ENCR_3DES),
                v2.Transform(TransformType.INTEG, Integ.AUTH_HMAC_SHA1_96),
                v2.Transform(TransformType.ESN, 0),
            ),
        ),
    )


_RANGE = v2.TrafficSelector(
    TsType.TS_IPV4_ADDR_RANGE, 0, 0, 65535, bytes([198, 51, 100, 0]), bytes([198, 51, 100, 255])
)
_RANGE6 = v2.TrafficSelector(TsType.TS_IPV6_ADDR_RANGE, 17, 500, 500, _octets(16), b"\xff" * 16)


def _version_2() -> dict[str, Message]:
    ke, nonce = v2.KeyExchange(Group.CURVE25519, _octets(32)), v2.Nonce(_octets(32))
    source = v2.Notify(notify_type=NotifyType.NAT_DETECTION_SOURCE_IP, data=_octets(20))
    destination = v2.Notify(notify_type=NotifyType.NAT_DETECTION_DESTINATION_IP, data=_octets(20))
    selectors = (v2.TrafficSelectorsI((_RANGE, _RANGE6)), v2.TrafficSelectorsR((_RANGE,)))
    address = v2.ConfigurationAttribute(CfgAttribute.INTERNAL_IP4_ADDRESS, b"")
    dns = v2.ConfigurationAttribute(CfgAttribute.INTERNAL_IP4_DNS, bytes([192, 0, 2, 53]))
    return {
        "IKE_SA_INIT request": _v2(
            Exchange.IKE_SA_INIT,
            0,
            v2.SecurityAssociation(_ike_proposals()),
            ke,
            nonce,
            source,
            destination,
            fresh=True,
        ),
        "IKE_SA_INIT response": _v2(
            Exchange.IKE_SA_INIT,
            0,
            v2.SecurityAssociation(_ike_proposals()[:1]),
            ke,
            nonce,
            v2.CertificateRequest(CertEncoding.X509_SIGNATURE, _octets(40)),
            v2.VendorId(b"a vendor"),
            flags=_RESPONSE,
        ),
        "IKE_SA_INIT cookie": _v2(
            Exchange.IKE_SA_INIT,
            0,
            v2.Notify(notify_type=NotifyType.COOKIE, data=_octets(24)),
            flags=_RESPONSE,
            fresh=True,
        ),
        "IKE_AUTH opened": _v2(
            Exchange.IKE_AUTH,
            1,
            v2.IdInitiator(IdType.ID_KEY_ID, b"initiator"),
            v2.Certificate(CertEncoding.HASH_AND_URL_X509, _octets(20) + b"http://example.com/"),
            v2.IdResponder(IdType.ID_FQDN, b"gw.example.com"),
            v2.Authentication(AuthMethod.SHARED_KEY, _octets(32)),
            v2.Configuration(CfgType.CFG_REQUEST, (address, dns)),
            v2.SecurityAssociation(_child_proposals()),
            *selectors,
            v2.Notify(notify_type=NotifyType.INITIAL_CONTACT),
        ),
        "IKE_AUTH EAP": _v2(Exchange.IKE_AUTH, 2, v2.Eap(bytes([1, 7, 0, 9, 1]) + b"name")),
        "IKE_AUTH sealed": _v2(Exchange.IKE_AUTH, 1, v2.Encrypted(_octets(96), inner=35)),
        "IKE_AUTH fragment": _v2(Exchange.IKE_AUTH, 1, v2.EncryptedFragment(1, 3, _octets(80), inner=35)),
        "CREATE_CHILD_SA rekey": _v2(
            Exchange.CREATE_CHILD_SA,
            5,
            v2.Notify(Protocol.ESP, NotifyType.REKEY_SA, b"\xa1\xa2\xa3\xa4"),
            v2.SecurityAssociation(_child_proposals()),
            nonce,
            ke,
            *selectors,
        ),
        "INFORMATIONAL delete": _v2(
            Exchange.INFORMATIONAL,
            6,
            v2.Delete(Protocol.ESP, None, (b"\xa1\xa2\xa3\xa4", b"\xb1\xb2\xb3\xb4")),
            v2.Delete(Protocol.IKE),
        ),
        "INFORMATIONAL empty": _v2(Exchange.INFORMATIONAL, 7, flags=_RESPONSE),
        "IKE_SESSION_RESUME": _v2(
            Exchange.IKE_SESSION_RESUME,
            0,
            nonce,
            v2.Notify(notify_type=NotifyType.TICKET_OPAQUE, data=_octets(60)),
            fresh=True,
        ),
        "IKE_INTERMEDIATE": _v2(Exchange.IKE_INTERMEDIATE, 1, v2.KeyExchange(Group.ML_KEM_768, _octets(64))),
        "IKE_FOLLOWUP_KE": _v2(
            Exchange.IKE_FOLLOWUP_KE,
            9,
            ke,
            v2.Notify(notify_type=NotifyType.ADDITIONAL_KEY_EXCHANGE, data=_octets(8)),
            Unknown(201, b"from the future"),
        ),
    }


def _phase_1() -> v1.SecurityAssociation:
    aes = (
        v1.Attribute(AttributeP1.ENCRYPTION_ALGORITHM, EncrV1.AES_CBC),
        v1.Attribute(AttributeP1.KEY_LENGTH, 128),
        v1.Attribute(AttributeP1.HASH_ALGORITHM, HashV1.SHA2_256),
        v1.Attribute(AttributeP1.GROUP_DESCRIPTION, Group.MODP_2048),
        v1.Attribute(AttributeP1.AUTHENTICATION_METHOD, AuthMethodV1.PRE_SHARED_KEY),
        v1.Attribute(AttributeP1.LIFE_TYPE, LifeType.SECONDS),
        v1.Attribute(AttributeP1.LIFE_DURATION, (86400).to_bytes(4, "big")),
    )
    des = (v1.Attribute(AttributeP1.ENCRYPTION_ALGORITHM, EncrV1.TRIPLE_DES_CBC), *aes[2:])
    return v1.SecurityAssociation(
        proposals=(v1.Proposal(1, Protocol.IKE, b"", (v1.Transform(1, 1, aes), v1.Transform(2, 1, des))),)
    )


def _phase_2() -> v1.SecurityAssociation:
    attributes = (
        v1.Attribute(AttributeP2.SA_LIFE_TYPE, LifeType.SECONDS),
        v1.Attribute(AttributeP2.SA_LIFE_DURATION, (28800).to_bytes(4, "big")),
        v1.Attribute(AttributeP2.ENCAPSULATION_MODE, Encapsulation.TUNNEL),
        v1.Attribute(AttributeP2.AUTHENTICATION_ALGORITHM, EspAuthV1.HMAC_SHA1),
    )
    return v1.SecurityAssociation(
        proposals=(
            v1.Proposal(1, Protocol.ESP, b"\xc1\xc2\xc3\xc4", (v1.Transform(1, EspV1.ESP_3DES, attributes),)),
            v1.Proposal(1, Protocol.IPCOMP, b"\x10\x01", (v1.Transform(1, 2),)),
        )
    )


def _labelled() -> v1.SecurityAssociation:
    label = v1.SensitivityLabel(b"top", b"\xf0\x0f\xf0")
    return v1.SecurityAssociation(
        1, 7, domain=v1.LabelledDomain(0), secrecy=label, integrity=label, proposals=_phase_1().proposals
    )


def _version_1() -> dict[str, Message]:
    ke, nonce = v1.KeyExchange(_octets(128)), v1.Nonce(_octets(16))
    who = v1.Identification(IdTypeV1.ID_IPV4_ADDR, 17, 500, bytes([192, 0, 2, 2]))
    subnet = v1.Identification(IdTypeV1.ID_IPV4_ADDR_SUBNET, 0, 0, bytes([198, 51, 100, 0, 255, 255, 255, 0]))
    proof = v1.Hash(_octets(32))
    vendor = v1.VendorId(bytes.fromhex("afcad71368a1f1c96b8696fc77570100"))
    cookies = _SPI_I + _SPI_R
    alive = v1.Notify(1, Protocol.IKE, NotifyTypeV1.R_U_THERE, cookies, bytes(4))
    asked = v1.Attributes(
        CfgType.CFG_REQUEST, 77, (v1.Attribute(CfgAttribute.XAUTH_TYPE, 0), v1.Attribute(16521, b""))
    )
    return {
        "BASE": _v1(Exchange.BASE, 0, _labelled(), nonce, fresh=True),
        "IDENTITY_PROTECTION 1": _v1(Exchange.IDENTITY_PROTECTION, 0, _phase_1(), vendor, fresh=True),
        "IDENTITY_PROTECTION 3": _v1(
            Exchange.IDENTITY_PROTECTION,
            0,
            ke,
            nonce,
            v1.NatDetection(_octets(32)),
            v1.NatDetectionDraft(_octets(20)),
        ),
        "IDENTITY_PROTECTION 5": _v1(
            Exchange.IDENTITY_PROTECTION,
            0,
            who,
            v1.Certificate(CertEncoding.X509_SIGNATURE, _octets(50)),
            v1.CertificateRequest(CertEncoding.X509_SIGNATURE),
            v1.Signature(_octets(64)),
        ),
        "AUTHENTICATION_ONLY": _v1(Exchange.AUTHENTICATION_ONLY, 0, nonce, who, proof),
        "AGGRESSIVE": _v1(Exchange.AGGRESSIVE, 0, _phase_1(), ke, nonce, who, vendor, fresh=True),
        "INFORMATIONAL": _v1(
            Exchange.INFORMATIONAL_V1,
            0x1234,
            proof,
            alive,
            v1.Delete(1, Protocol.ESP, None, (b"\xa1\xa2\xa3\xa4",)),
        ),
        "TRANSACTION": _v1(Exchange.TRANSACTION, 0x2345, proof, asked),
        "QUICK_MODE": _v1(
            Exchange.QUICK_MODE,
            0x3456,
            proof,
            _phase_2(),
            nonce,
            subnet,
            subnet,
            v1.NatOriginalAddress(IdTypeV1.ID_IPV4_ADDR, bytes([10, 0, 0, 1])),
        ),
        "QUICK_MODE encrypted": _v1(
            Exchange.QUICK_MODE, 0x3456, Ciphertext(8, _octets(128)), flags=_ENCRYPTED
        ),
        "NEW_GROUP_MODE": _v1(Exchange.NEW_GROUP_MODE, 0x4567, proof, _phase_1()),
        "fragment": _v1(Exchange.IDENTITY_PROTECTION, 0, v1.Fragment(1, 2, 1, _octets(100))),
    }


@cache
def samples() -> Mapping[str, Message]:
    """Messages by name: exchange and, where there are several, which."""
    return MappingProxyType(_version_2() | _version_1())
