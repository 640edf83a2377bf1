"""Cisco IOS's words for code points, both ways; a word that is not here is not IOS's."""

from collections.abc import Mapping

from harness.codes import AuthMethodV1, Encr, EncrV1, HashV1, Integ, Prf

Cipher = tuple[int, int | None]

POLICY_CIPHERS: Mapping[tuple[str, ...], Cipher] = {
    ("des",): (EncrV1.DES_CBC, None),
    ("3des",): (EncrV1.TRIPLE_DES_CBC, None),
    ("aes",): (EncrV1.AES_CBC, 128),
    ("aes", "128"): (EncrV1.AES_CBC, 128),
    ("aes", "192"): (EncrV1.AES_CBC, 192),
    ("aes", "256"): (EncrV1.AES_CBC, 256),
}
"""After `encryption` in an ISAKMP policy."""

POLICY_HASHES: Mapping[str, int] = {
    "md5": HashV1.MD5,
    "sha": HashV1.SHA1,
    "sha256": HashV1.SHA2_256,
    "sha384": HashV1.SHA2_384,
    "sha512": HashV1.SHA2_512,
}

POLICY_AUTHENTICATION: Mapping[str, int] = {
    "pre-share": AuthMethodV1.PRE_SHARED_KEY,
    "rsa-sig": AuthMethodV1.RSA_SIGNATURES,
    "rsa-encr": AuthMethodV1.RSA_ENCRYPTION,
}

IKEV2_CIPHERS: Mapping[str, Cipher] = {
    "des": (Encr.ENCR_DES, None),
    "3des": (Encr.ENCR_3DES, None),
    "aes-cbc-128": (Encr.ENCR_AES_CBC, 128),
    "aes-cbc-192": (Encr.ENCR_AES_CBC, 192),
    "aes-cbc-256": (Encr.ENCR_AES_CBC, 256),
    "aes-gcm-128": (Encr.ENCR_AES_GCM_16, 128),
    "aes-gcm-256": (Encr.ENCR_AES_GCM_16, 256),
}

IKEV2_INTEGRITY: Mapping[str, int] = {
    "md5": Integ.AUTH_HMAC_MD5_96,
    "sha1": Integ.AUTH_HMAC_SHA1_96,
    "sha256": Integ.AUTH_HMAC_SHA2_256_128,
    "sha384": Integ.AUTH_HMAC_SHA2_384_192,
    "sha512": Integ.AUTH_HMAC_SHA2_512_256,
}

IKEV2_PRFS: Mapping[str, int] = {
    "md5": Prf.PRF_HMAC_MD5,
    "sha1": Prf.PRF_HMAC_SHA1,
    "sha256": Prf.PRF_HMAC_SHA2_256,
    "sha384": Prf.PRF_HMAC_SHA2_384,
    "sha512": Prf.PRF_HMAC_SHA2_512,
}

ESP_CIPHERS: Mapping[tuple[str, ...], Cipher] = {
    ("esp-des",): (Encr.ENCR_DES, None),
    ("esp-3des",): (Encr.ENCR_3DES, None),
    ("esp-aes",): (Encr.ENCR_AES_CBC, 128),
    ("esp-aes", "128"): (Encr.ENCR_AES_CBC, 128),
    ("esp-aes", "192"): (Encr.ENCR_AES_CBC, 192),
    ("esp-aes", "256"): (Encr.ENCR_AES_CBC, 256),
    ("esp-gcm",): (Encr.ENCR_AES_GCM_16, 128),
    ("esp-gcm", "128"): (Encr.ENCR_AES_GCM_16, 128),
    ("esp-gcm", "192"): (Encr.ENCR_AES_GCM_16, 192),
    ("esp-gcm", "256"): (Encr.ENCR_AES_GCM_16, 256),
    ("esp-null",): (Encr.ENCR_NULL, None),
}
"""In a transform set; without a length IOS means 128 bits."""

ESP_INTEGRITY: Mapping[str, int] = {
    "esp-md5-hmac": Integ.AUTH_HMAC_MD5_96,
    "esp-sha-hmac": Integ.AUTH_HMAC_SHA1_96,
    "esp-sha256-hmac": Integ.AUTH_HMAC_SHA2_256_128,
    "esp-sha384-hmac": Integ.AUTH_HMAC_SHA2_384_192,
    "esp-sha512-hmac": Integ.AUTH_HMAC_SHA2_512_256,
}

AH_INTEGRITY: Mapping[str, int] = {
    word.replace("esp", "ah"): integrity for word, integrity in ESP_INTEGRITY.items()
}

IOS_GROUPS = frozenset({1, 2, 5, 14, 15, 16, 19, 20, 21, 24})
"""The groups that some release of IOS offers; their numbers are those of the registry."""

AEAD = frozenset({Encr.ENCR_AES_GCM_16})
"""Ciphers here that bring their own integrity (RFC 5282)."""

CONVENTIONAL_TRANSFORM_SETS: Mapping[str, tuple[str, ...]] = {"3dessha": ("esp-3des", "esp-sha-hmac")}
"""What a transform set of that name holds where a text uses it without defining it, as examples do."""

DEFAULT_TRANSFORM_SETS: tuple[tuple[str, ...], ...] = (
    ("esp-aes", "esp-sha-hmac"),
    ("esp-3des", "esp-sha-hmac"),
)
"""What any other undefined transform set is taken for."""
