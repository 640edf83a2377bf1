"""MS-CHAPv2: what proves a password (RFC 2759 section 8) and the keys that follow from it (RFC 3079 section 3)."""

import hashlib
from dataclasses import field

from harness.codes import Encr
from harness.crypto import cbc_cipher
from harness.crypto.md4 import md4
from harness.values import value

CHALLENGE_OCTETS = 16
NT_RESPONSE_OCTETS = 24
KEY_OCTETS = 16
MSK_OCTETS = 64
"""An EAP method exports at least these (RFC 3748 section 7.10); beyond the two keys of MS-CHAPv2 they are zero."""

_SIGNING = b"Magic server to client signing constant"
_ITERATION = b"Pad to make it do more than one iteration"
_MASTER_KEY = b"This is the MPPE Master Key"
_CLIENT_SENDS = b"On the client side, this is the send key; on the server side, it is the receive key."
_CLIENT_RECEIVES = b"On the client side, this is the receive key; on the server side, it is the send key."
_PAD_1 = bytes(40)
_PAD_2 = b"\xf2" * 40


@value
class MsChapV2:
    """What both ends compute of one exchange; the challenges have 16 octets, the name has no domain before it."""

    name: bytes
    password: str = field(repr=False)
    server_challenge: bytes
    peer_challenge: bytes

    @property
    def nt_response(self) -> bytes:
        """The client's proof, 24 octets (RFC 2759 section 8.1)."""
        return challenge_response(self._challenge, nt_password_hash(self.password))

    @property
    def authenticator_response(self) -> bytes:
        """The server's proof, 20 octets, sent as `S=` and 40 hexadecimal digits (RFC 2759 section 8.7)."""
        digest = _sha1(self._twice_hashed + self.nt_response + _SIGNING)
        return _sha1(digest + self._challenge + _ITERATION)

    @property
    def msk(self) -> bytes:
        """The Master Session Key: the server's receive key, its send key, then zeros (RFC 3079 sections 3.3 and 3.4)."""
        master = _sha1(self._twice_hashed + self.nt_response + _MASTER_KEY)[:KEY_OCTETS]
        received, sent = (start_key(master, magic) for magic in (_CLIENT_SENDS, _CLIENT_RECEIVES))
        return (received + sent).ljust(MSK_OCTETS, b"\0")

    @property
    def _twice_hashed(self) -> bytes:
        return md4(nt_password_hash(self.password))

    @property
    def _challenge(self) -> bytes:
        """ChallengeHash (RFC 2759 section 8.2)."""
        return _sha1(self.peer_challenge + self.server_challenge + self.name)[:8]


def nt_password_hash(password: str) -> bytes:
    """MD4 of the password in UTF-16 (RFC 2759 section 8.3)."""
    return md4(password.encode("utf-16-le", "surrogatepass"))


def challenge_response(challenge: bytes, password_hash: bytes) -> bytes:
    """Eight octets under DES, with three keys cut from the hash (RFC 2759 section 8.5)."""
    des, keys = cbc_cipher(Encr.ENCR_DES), password_hash.ljust(21, b"\0")
    return b"".join(
        des.encrypt(_with_parity(keys[at : at + 7]), bytes(8), challenge) for at in range(0, 21, 7)
    )


def start_key(master_key: bytes, magic: bytes) -> bytes:
    """GetAsymmetricStartKey for 128-bit keys (RFC 3079 section 3.4)."""
    return _sha1(master_key + _PAD_1 + magic + _PAD_2)[:KEY_OCTETS]


def without_domain(name: bytes) -> bytes:
    r"""The name as it is hashed: `DOMAIN\user` is `user` (RFC 2759 section 4)."""
    return name.rpartition(b"\\")[2]


def _with_parity(key: bytes) -> bytes:
    """Seven octets as a DES key of eight, whose lowest bits nobody looks at."""
    bits = int.from_bytes(key, "big")
    return bytes((bits >> (49 - 7 * at) & 0x7F) << 1 for at in range(8))


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()
