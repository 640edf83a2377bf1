"""The password of XAUTH's RADIUS-CHAP (draft-beaulieu-ike-xauth-02 appendix A, RFC 1994 section 4.1)."""

import hashlib


def chap_password(identifier: int, secret: bytes, challenge: bytes) -> bytes:
    """What hides a password behind a challenge: the identifier, and the hash over identifier, password and challenge."""
    tag = bytes((identifier,))
    return tag + hashlib.md5(tag + secret + challenge, usedforsecurity=False).digest()
