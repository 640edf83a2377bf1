"""An RSA key of 2048 bits that everybody knows: that of RSA Laboratories' test vectors for PKCS #1 v1.5, example 15.1."""

from cryptography.hazmat.primitives.asymmetric import rsa

_N = int(
    "df271fd25f8644496b0c81be4bd50297ef099b002a6fd67727eb449cea566ed6a3981a71312a141cabc9815c1209e320"
    "a25b32464e9999f18ca13a9fd3892558f9e0adefdd3650dd23a3f036d60fe398843706a40b0b8462c8bee3bce12f1f28"
    "60c2444cdc6a44476a75ff4aa24273ccbe3bf80248465f8ff8c3a7f3367dfc0df5b6509a4f82811cedd81cdaaa73c491"
    "da412170d544d4ba96b97f0afc8065498d3a49fd910992a1f0725be24f465cfe7e0eabf678996c50bc5e7524abf73f15"
    "e5bef7d518394e3138ce4944506aaaaf3f9b236dcab8fc00f87af596fdc3d9d6c75cd508362fae2cbeddcc4c7450b17b"
    "776c079ecca1f256351a43b97dbe2153",
    16,
)
_E = 0x10001
_D = int(
    "5bd910257830dce17520b03441a51a8cab94020ac6ecc252c808f3743c95b7c83b8c8af1a5014346ebc4242cdfb5d718"
    "e30a733e71f291e4d473b61bfba6dacaed0a77bd1f0950ae3c91a8f90111882589e1d62765ee671e7baeea309f64d447"
    "bbcfa9ea12dce05e9ea8939bc5fe6108581279c982b308794b3448e7f7b952292df88c80cb40142c4b5cf5f8ddaa0891"
    "678d610e582fcb880f0d707caf47d09a84e14ca65841e5a3abc5e9dba94075a9084341f0edad9b68e3b8e082b80b6e6e"
    "8a0547b44fb5061b6a9131603a5537ddabd01d8e863d8922e9aa3e4bfaea0b39d79283ad2cbc8a59cce7a6ecf4e4c81e"
    "d4c6591c807defd71ab06866bb5e7745",
    16,
)


def open_rsa_key() -> rsa.RSAPrivateKey:
    """The key."""
    p, q = rsa.rsa_recover_prime_factors(_N, _E, _D)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=_D,
        dmp1=rsa.rsa_crt_dmp1(_D, p),
        dmq1=rsa.rsa_crt_dmq1(_D, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_E, _N),
    ).private_key()
