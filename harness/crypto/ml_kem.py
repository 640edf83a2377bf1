"""ML-KEM as a key exchange (FIPS 203, draft-ietf-ipsecme-ikev2-mlkem): the responder answers a key with a ciphertext.

`cryptography` makes keys from a seed and opens ciphertexts, but draws by itself what encapsulation needs, and has no
ML-KEM-512. Where a run has to repeat from its seed, kyber-py does these: slower, and in no constant time, which a test
bench has no need of.
"""

from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey
from kyber_py.ml_kem.default_parameters import DEFAULT_PARAMETERS
from kyber_py.ml_kem.ml_kem import ML_KEM

from harness.clock import Entropy
from harness.codes import Group
from harness.crypto.public_value import InvalidPublicValue, check_length

# Octets of the encapsulation key and of the ciphertext (FIPS 203 section 8).
ML_KEM_SIZES = {
    int(Group.ML_KEM_512): (800, 768),
    int(Group.ML_KEM_768): (1184, 1088),
    int(Group.ML_KEM_1024): (1568, 1568),
}


class MlKemPrivate:
    """The initiator's half: a decapsulation key from its seed, d and z; `public` is the encapsulation key."""

    __slots__ = ("_open", "group", "public")

    def __init__(self, group: int, seed: bytes) -> None:
        self.group = group
        self._open: Callable[[bytes], bytes]
        if group == Group.ML_KEM_512:
            kem = _kem(group)
            self.public, key = kem.key_derive(seed)
            self._open = partial(kem.decaps, key)
        else:
            private = _LIBRARY_KEYS[group].from_seed_bytes(seed)
            self.public = private.public_key().public_bytes_raw()
            self._open = private.decapsulate

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:  # noqa: ARG002  # called as other methods are; a wrong length is always refused
        """The secret in the responder's ciphertext; a bent one gives another secret (FIPS 203 section 6.3)."""
        check_length(peer_public, ML_KEM_SIZES[self.group][1])
        return self._open(peer_public)


def encapsulate(group: int, public: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
    """The responder's half: a ciphertext for the initiator's encapsulation key, and the secret in it.

    Raises InvalidPublicValue for a key that FIPS 203 section 7.2 refuses.
    """
    check_length(public, ML_KEM_SIZES[group][0])
    kem = _kem(group)
    kem.random_bytes = entropy.octets
    try:
        shared, ciphertext = kem.encaps(public)
    except ValueError:
        raise InvalidPublicValue("the encapsulation key has numbers that are not below q") from None
    return ciphertext, shared


_LIBRARY_KEYS: dict[int, type[MLKEM768PrivateKey] | type[MLKEM1024PrivateKey]] = {
    int(Group.ML_KEM_768): MLKEM768PrivateKey,
    int(Group.ML_KEM_1024): MLKEM1024PrivateKey,
}
_PARAMETERS = {
    int(Group.ML_KEM_512): DEFAULT_PARAMETERS["ML512"],
    int(Group.ML_KEM_768): DEFAULT_PARAMETERS["ML768"],
    int(Group.ML_KEM_1024): DEFAULT_PARAMETERS["ML1024"],
}


def _kem(group: int) -> ML_KEM:
    return ML_KEM(_PARAMETERS[group])
