"""ESP packets against published ones, against scapy, and under every wrong input (RFC 4303)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw

from harness.clock import SeededEntropy
from harness.codes import Encr, Esn, Integ, Protocol
from harness.crypto import encryption_key_size, integrity_key_size
from harness.sa import esp
from harness.sa.esp import EspContent, EspSa, direction, fresh_iv, protect, unprotect
from harness.sa.opened import Sealed
from harness.wire.packet import Echo, echo_datagram, ip_packet

Suite = tuple[int, int | None, int]
SUITES: dict[str, Suite] = {
    "gcm-8-128": (Encr.ENCR_AES_GCM_8, 128, Integ.NONE),
    "gcm-12-192": (Encr.ENCR_AES_GCM_12, 192, Integ.NONE),
    "gcm-16-256": (Encr.ENCR_AES_GCM_16, 256, Integ.NONE),
    "chacha20": (Encr.ENCR_CHACHA20_POLY1305, None, Integ.NONE),
    "cbc-128-sha1": (Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96),
    "cbc-192-sha384": (Encr.ENCR_AES_CBC, 192, Integ.AUTH_HMAC_SHA2_384_192),
    "cbc-256-sha256": (Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128),
    "3des-md5": (Encr.ENCR_3DES, None, Integ.AUTH_HMAC_MD5_96),
    "des-sha512": (Encr.ENCR_DES, None, Integ.AUTH_HMAC_SHA2_512_256),
    "null-sha256": (Encr.ENCR_NULL, None, Integ.AUTH_HMAC_SHA2_256_128),
    "ccm-8-128": (Encr.ENCR_AES_CCM_8, 128, Integ.NONE),
    "ccm-16-256": (Encr.ENCR_AES_CCM_16, 256, Integ.NONE),
    "gmac-128": (Encr.ENCR_NULL_AUTH_AES_GMAC, 128, Integ.NONE),
    "ctr-256-sha256": (Encr.ENCR_AES_CTR, 256, Integ.AUTH_HMAC_SHA2_256_128),
    "camellia-xcbc": (Encr.ENCR_CAMELLIA_CBC, 192, Integ.AUTH_AES_XCBC_96),
    "cbc-128-cmac": (Encr.ENCR_AES_CBC, 128, Integ.AUTH_AES_CMAC_96),
}
"""What transform sets and proposals of a device can name, and every other kind of cipher."""

SPI = bytes.fromhex("01020304")
PING = ip_packet(echo_datagram("198.51.100.1", "203.0.113.1", Echo(False, 7, 1, b"abcdefgh")))
PING_6 = ip_packet(echo_datagram("2001:db8:1::1", "2001:db8:2::1", Echo(False, 7, 1, b"abcdefgh")))


def sa_of(suite: Suite, *, esn: bool = False) -> EspSa:
    """An SA of this suite under keys that are no secret."""
    encr, bits, integ = suite
    sizes = encryption_key_size(encr, bits), integrity_key_size(integ)
    return EspSa(SPI, encr, bits, integ, esn, bytes(range(1, sizes[0] + 1)), bytes(range(sizes[1])))


every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
with_and_without_esn = pytest.mark.parametrize("esn", [False, True], ids=["32 bits", "64 bits"])


# Published packets


CHACHA = EspSa(SPI, Encr.ENCR_CHACHA20_POLY1305, None, Integ.NONE, False, bytes(range(0x80, 0xA4)), b"")
CHACHA_INNER = bytes.fromhex(
    "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec1000073627"
    "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
)
CHACHA_PACKET = bytes.fromhex(
    "01020304000000051011121314151617"
    "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
    "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
    "cbec163fac469b502773f6fb94e664da9165b82829f641e0"
    "76aaa8266b7fb0f7b11b369907e1ad43"
)


def test_chacha20_packet_of_rfc_7634() -> None:
    """RFC 7634 appendix A: the packet, octet for octet, and back."""
    iv = bytes.fromhex("1011121314151617")

    assert protect(CHACHA, 5, CHACHA_INNER, 4, iv) == CHACHA_PACKET
    assert unprotect(CHACHA, CHACHA_PACKET, 5) == EspContent(CHACHA_INNER, 4, b"\x01\x02")


GCM = {
    "extended sequence number, 128 bits": (
        (
            "00004321",
            True,
            0x87654321 << 32,
            128,
            "4c80cdefbb5d10da906ac73c3613a6342e443b68",
            "4956ed7e3b244cfe",
        ),
        (
            "45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
            "00000000045f736970045f756470037369700963796265726369747902646b00"
            "0021000101020201"
        ),
        (
            "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
            "cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
            "61bc17d768fd9732459018148f6cbe722fd04796562dfdb4"
        ),
    ),
    "192 bits": (
        (
            "0000a5f8",
            False,
            10,
            192,
            "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
            "facedbaddecaf888",
        ),
        "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001",
        "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc7795457b9652037f5318027b5b4cd7a636",
    ),
    "256 bits": (
        (
            "4a2cbfe3",
            False,
            2,
            256,
            "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344",
            "0102030405060708",
        ),
        "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b40101040201020201",
        (
            "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99d"
            "ef842d8eb335f4eecfdbf831824b4c4915956c96"
        ),
    ),
}


@pytest.mark.parametrize(("of", "plaintext", "sealed"), GCM.values(), ids=GCM)
def test_gcm_packets_of_mcgrew(of: Any, plaintext: str, sealed: str) -> None:
    """draft-mcgrew-gcm-test-01 section 4: plaintexts with their trailers and the packets they become.

    That draft names the last two octets of a plaintext as they stand, so padding and next header are theirs.
    """
    spi, esn, sequence, bits, key, iv = of
    sa = EspSa(bytes.fromhex(spi), Encr.ENCR_AES_GCM_16, bits, Integ.NONE, esn, bytes.fromhex(key), b"")
    octets = bytes.fromhex(plaintext)
    pad, next_header = octets[-2:]
    pad = min(pad, len(octets) - 2)
    data, padding = octets[: -2 - pad], octets[len(octets) - 2 - pad : -2]
    packet = protect(
        sa, sequence, data, next_header, bytes.fromhex(iv), padding=padding, pad_length=octets[-2]
    )

    assert packet[8:].hex() == iv + sealed
    assert packet[:8] == sa.spi + (sequence % 2**32).to_bytes(4, "big")


CBC = {
    5: (
        "90d382b410eeba7ad938c46cec1a82bf",
        ("00004321", 1, 1, "e96e8c08ab465763fd098d45dd3ff893"),
        (
            "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
            "202122232425262728292a2b2c2d2e2f3031323334353637"
        ),
        (
            "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
            "a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6"
        ),
    ),
    6: (
        "90d382b410eeba7ad938c46cec1a82bf",
        ("00004321", 8, 1, "69d08df7d203329db093fc4924e5bd80"),
        "0800b5e8a80a0500a69c083d0b660e00777777777777777777777777",
        "f51995881ec4e0c4488987ce742e8109689bb379d2d750c0d915dca346a89f75",
    ),
    7: (
        "0123456789abcdef0123456789abcdef",
        ("00008765", 2, 4, "f4e765244f6407adf13dc1380f673f37"),
        (
            "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a2040008090a0b0c0d0e0f"
            "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
        ),
        (
            "773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a93013c1b0ea1a0cf70f8"
            "e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5"
            "c177f132ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d"
        ),
    ),
    8: (
        "0123456789abcdef0123456789abcdef",
        ("00008765", 5, 4, "85d47224b5f3dd5d2101d4ea8dffab22"),
        "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300" + "ff" * 32,
        (
            "15b92683819596a8047232cc00f7048fe45318e11f8a0f62ede3c3fc61203bb5"
            "0f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3d2726d9b5ef6affc6d17a0decbb13892"
        ),
    ),
}


@pytest.mark.parametrize("case", CBC)
def test_cbc_packets_of_rfc_3602(case: int) -> None:
    """RFC 3602 section 4, cases 5 to 8: transport and tunnel mode, padding and all; their packets have no ICV."""
    key, (spi, sequence, next_header, iv), data, ciphertext = CBC[case]
    suite = (Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, False)
    sa = EspSa(bytes.fromhex(spi), *suite, bytes.fromhex(key), bytes(20))
    packet = protect(sa, sequence, bytes.fromhex(data), next_header, bytes.fromhex(iv))

    assert packet[:-12].hex() == f"{spi}{sequence:08x}{iv}{ciphertext}"


# scapy as second reader


SCAPY_CRYPT = {
    Encr.ENCR_AES_GCM_16: "AES-GCM",
    Encr.ENCR_CHACHA20_POLY1305: "CHACHA20-POLY1305",
    Encr.ENCR_AES_CBC: "AES-CBC",
    Encr.ENCR_3DES: "3DES",
    Encr.ENCR_NULL: "NULL",
    Encr.ENCR_AES_CTR: "AES-CTR",
    Encr.ENCR_AES_CCM_16: "AES-CCM",
    Encr.ENCR_NULL_AUTH_AES_GMAC: "AES-NULL-GMAC",
}
SCAPY_AUTH = {
    Integ.NONE: "NULL",
    Integ.AUTH_HMAC_MD5_96: "HMAC-MD5-96",
    Integ.AUTH_HMAC_SHA1_96: "HMAC-SHA1-96",
    Integ.AUTH_HMAC_SHA2_256_128: "SHA2-256-128",
    Integ.AUTH_HMAC_SHA2_384_192: "SHA2-384-192",
    Integ.AUTH_HMAC_SHA2_512_256: "SHA2-512-256",
    Integ.AUTH_AES_CMAC_96: "AES-CMAC-96",
}
UNREAD_BY_SCAPY = {Encr.ENCR_DES, Encr.ENCR_AES_GCM_8, Encr.ENCR_AES_GCM_12}
"""It has no single DES with a key of eight octets, and every ICV of its GCM has sixteen."""
SCAPY_SUITES = {
    name: suite
    for name, suite in SUITES.items()
    if suite[0] in set(SCAPY_CRYPT) - UNREAD_BY_SCAPY and suite[2] in SCAPY_AUTH
}


def scapy_sa(sa: EspSa, tunnel: Any, high: int) -> SecurityAssociation:
    """The same SA as scapy holds it."""
    return SecurityAssociation(
        ESP,
        int.from_bytes(sa.spi, "big"),
        crypt_algo=SCAPY_CRYPT[Encr(sa.encr)],
        crypt_key=sa.encr_key or None,
        auth_algo=SCAPY_AUTH[Integ(sa.integ)],
        auth_key=sa.integ_key or None,
        tunnel_header=tunnel,
        esn_en=sa.esn,
        esn=high,
    )


@with_and_without_esn
@pytest.mark.parametrize("inner", [PING, PING_6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("suite", SCAPY_SUITES.values(), ids=SCAPY_SUITES)
@pytest.mark.filterwarnings("ignore:.*TripleDES.*")
def test_scapy_opens_what_is_sealed_here(suite: Suite, inner: bytes, esn: bool) -> None:
    """Another reader, scapy, verifies and decrypts our tunnel packets, and finds the very inner packet."""
    sa, sequence = sa_of(suite, esn=esn), (9 << 32) + 77 if esn else 77
    packet = protect(
        sa, sequence, inner, 4 if inner[0] >> 4 == 4 else 41, fresh_iv(sa, sequence, SeededEntropy(1))
    )
    outer = IP(src="192.0.2.1", dst="192.0.2.2")
    theirs = scapy_sa(sa, outer, sequence >> 32).decrypt(IP(bytes(outer / ESP(packet))))

    assert bytes(theirs) == inner


@with_and_without_esn
@pytest.mark.parametrize("suite", SCAPY_SUITES.values(), ids=SCAPY_SUITES)
@pytest.mark.filterwarnings("ignore:.*TripleDES.*")
def test_what_scapy_seals_opens_here(suite: Suite, esn: bool) -> None:
    """Tunnel packets of scapy open here, with the same inner packet."""
    sa, sequence = sa_of(suite, esn=esn), (9 << 32) + 77 if esn else 77
    outer = IP(src="192.0.2.1", dst="192.0.2.2")
    sealed = scapy_sa(sa, outer, sequence >> 32).encrypt(IP(PING), seq_num=77)
    opened = unprotect(sa, bytes(sealed[ESP]), sequence)

    assert isinstance(opened, EspContent)
    assert (opened.data, opened.next_header, opened.padding_counts) == (PING, 4, True)


def test_transport_mode_is_read_by_scapy() -> None:
    """In transport mode the payload is what follows the IP header, and its protocol the next header."""
    sa = sa_of(SUITES["gcm-16-256"])
    packet = protect(sa, 1, PING[20:], 1, fresh_iv(sa, 1, SeededEntropy(1)))
    theirs = scapy_sa(sa, None, 0).decrypt(IP(bytes(IP(src="198.51.100.1", dst="203.0.113.1") / ESP(packet))))

    assert (theirs[IP].proto, theirs[ICMP].id, theirs[Raw].load) == (1, 7, b"abcdefgh")


def test_scapy_reads_our_inner_packets() -> None:
    """Addresses, checksums and echo of the inner packets are right in another reader's eyes."""
    assert (IPv6(PING_6).src, IPv6(PING_6).nh) == ("2001:db8:1::1", 58)
    rebuilt = IP(PING)
    del rebuilt.chksum
    del rebuilt[ICMP].chksum
    assert bytes(rebuilt) == PING


# Properties


@every_suite
@with_and_without_esn
@given(
    data=st.binary(max_size=200),
    next_header=st.integers(0, 255),
    sequence=st.integers(1, 2**64 - 1),
    more=st.integers(0, 3),
)
def test_what_was_sealed_opens(
    suite: Suite, esn: bool, data: bytes, next_header: int, sequence: int, more: int
) -> None:
    """Every content comes back as it was, on a boundary of four octets and padded as RFC 4303 section 2.4 says."""
    sa = sa_of(suite, esn=esn)
    sequence = sequence if esn else sequence % 2**32
    packet = protect(
        sa, sequence, data, next_header, fresh_iv(sa, sequence, SeededEntropy(sequence)), more_padding=more
    )
    opened = unprotect(sa, packet, sequence)

    assert isinstance(opened, EspContent)
    assert (opened.data, opened.next_header, opened.padding_counts) == (data, next_header, True)
    assert len(packet) % 4 == 0


@every_suite
@with_and_without_esn
@given(bit=st.integers(0, 8 * 40 - 1))
def test_no_bit_can_be_changed(suite: Suite, esn: bool, bit: int) -> None:
    """A packet with any of its bits turned over does not open; nothing raises."""
    sa = sa_of(suite, esn=esn)
    packet = bytearray(protect(sa, 5, PING, 4, fresh_iv(sa, 5, SeededEntropy(1))))
    packet[bit // 8] ^= 1 << bit % 8

    assert unprotect(sa, bytes(packet), 5) == Sealed("the ICV does not hold")


@every_suite
@given(octets=st.binary(max_size=80))
def test_hostile_octets_are_values(suite: Suite, octets: bytes) -> None:
    """Whatever comes from the wire is Sealed for a reason; nothing raises."""
    assert isinstance(unprotect(sa_of(suite), octets, 1), Sealed)


@every_suite
def test_the_high_order_half_is_covered(suite: Suite) -> None:
    """Under extended sequence numbers a packet opens only in the subspace that it was sent in."""
    sa = sa_of(suite, esn=True)
    packet = protect(sa, (3 << 32) + 5, PING, 4, fresh_iv(sa, 5, SeededEntropy(1)))

    assert isinstance(unprotect(sa, packet, (3 << 32) + 5), EspContent)
    assert isinstance(unprotect(sa, packet, (4 << 32) + 5), Sealed)


@pytest.mark.parametrize(("length", "authentic"), [(0, True), (255, True)])
def test_a_pad_length_that_lies_is_told_apart(length: int, authentic: bool) -> None:
    """A Pad Length that exceeds what was encrypted is no broken ICV; one that is too short leaves more data."""
    sa = sa_of(SUITES["gcm-16-256"])
    packet = protect(sa, 1, b"1234", 4, bytes(8), padding=b"\x01\x02", pad_length=length)
    opened = unprotect(sa, packet, 1)

    if length == 0:
        assert opened == EspContent(b"1234\x01\x02", 4)
    else:
        assert isinstance(opened, Sealed)
        assert opened.authentic is authentic


def test_ivs_of_combined_modes_never_repeat_and_those_of_cbc_are_chance() -> None:
    """A combined mode takes the sequence number, CBC octets that nobody foresees."""
    gcm, cbc = sa_of(SUITES["gcm-16-256"]), sa_of(SUITES["cbc-256-sha256"])

    assert fresh_iv(gcm, 7, SeededEntropy(1)) == bytes(7) + b"\x07"
    assert fresh_iv(cbc, 7, SeededEntropy(1)) == SeededEntropy(1).octets(16)


def test_keys_stay_out_of_reprs() -> None:
    """An SA that is printed shows no key."""
    sa = sa_of(SUITES["cbc-256-sha256"])

    assert "key=" not in repr(sa)
    assert sa.encr_key.hex()[:16] not in repr(sa)


def test_only_esp_under_known_algorithms_makes_a_direction() -> None:
    """AH, ciphers without an implementation and keys of another length give no SA, and no exception."""
    keys = (bytes(16), bytes(20))
    known = (Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, Esn.NO_ESN)

    assert direction(SPI, Protocol.ESP, *known, keys) is not None
    assert direction(SPI, Protocol.AH, *known, keys) is None
    assert direction(SPI, Protocol.ESP, *known, (bytes(15), bytes(20))) is None
    assert direction(SPI, Protocol.ESP, 4, None, Integ.AUTH_HMAC_SHA1_96, Esn.NO_ESN, keys) is None


def test_volume_counts_what_was_encrypted() -> None:
    """Padding and trailer count; header, IV and ICV do not (RFC 4301 section 4.4.2.1)."""
    sa = sa_of(SUITES["cbc-256-sha256"])
    packet = protect(sa, 1, bytes(30), 4, bytes(16))

    assert esp.encrypted_octets(sa, packet) == 32
    assert esp.encrypted_octets(replace(sa, spi=b"\xff" * 4), b"") == 0
