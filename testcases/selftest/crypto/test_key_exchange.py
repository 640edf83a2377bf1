"""Key exchange methods against published numbers.

RFC 2409 and RFC 3526 (primes), RFC 5903 section 8, RFC 5114 appendix A, RFC 7027 appendix A, RFC 8031 appendix A,
RFC 7748 sections 5.2 and 6.2, and the Known Answer Tests of ML-KEM.
"""

from importlib import import_module
from pathlib import Path

import pytest

from harness.clock import SeededEntropy
from harness.codes import Group
from harness.crypto import GROUPS, InvalidPublicValue, KeyExchange, UnsupportedAlgorithm, modp_prime

HERE = Path(__file__).parent
MODP = (1, 2, 5, 14, 15, 16, 17, 18)
SMALL_MODP = (1, 2, 5, 14)
SUBGROUPS = (22, 23, 24)
ECP = (19, 20, 21)
CURVES = (*ECP, 25, 26, 28, 29, 30)
PRINTED = (*SUBGROUPS, 25, 26, 28, 29, 30)
ML_KEM = (35, 36, 37)


def _printed_primes() -> dict[int, int]:
    chunks = (HERE / "modp_primes.txt").read_text(encoding="ascii").split("group ")[1:]
    return {int(number): int("".join(lines), 16) for number, *lines in (chunk.split() for chunk in chunks)}


def _vectors(file: str = "ecp_vectors.txt") -> dict[int, dict[str, bytes]]:
    chunks = (HERE / file).read_text(encoding="ascii").split("\ngroup ")[1:]
    vectors = {}
    for number, *words in (chunk.split() for chunk in chunks):
        vectors[int(number)] = {
            name: bytes.fromhex(text) for name, text in zip(words[::2], words[1::2], strict=True)
        }
    return vectors


@pytest.mark.parametrize("group", MODP)
def test_primes_follow_from_pi(group: int) -> None:
    """The prime computed from the digits of pi is the one that the RFC prints."""
    assert modp_prime(group) == _printed_primes()[group]


@pytest.mark.parametrize("group", [*SMALL_MODP, *SUBGROUPS, *CURVES, 31, 32])
def test_both_ends_share_one_secret(group: int) -> None:
    """Two private values of one group agree, at the group's lengths."""
    method = KeyExchange(group)
    alice, bob = method.private(SeededEntropy("alice")), method.private(SeededEntropy("bob"))

    assert alice.shared(bob.public) == bob.shared(alice.public)
    assert (len(alice.public), len(alice.shared(bob.public))) == (method.public_size, method.shared_size)


@pytest.mark.parametrize("group", sorted(GROUPS - {15, 16, 17, 18}))
def test_a_responder_answers(group: int) -> None:
    """The responder has at once the secret that its answer gives the initiator, at the method's lengths."""
    method = KeyExchange(group)
    initiator = method.private(SeededEntropy("alice"))
    response = method.respond(initiator.public, SeededEntropy("bob"))

    assert initiator.shared(response.public) == response.shared
    assert (len(initiator.public), len(response.public), len(response.shared)) == (
        method.public_size,
        method.response_size,
        method.shared_size,
    )


@pytest.mark.parametrize("group", [2, 23, 19, 28, 31, 32, *ML_KEM])
def test_an_answer_repeats_from_its_seed(group: int) -> None:
    """The same entropy answers the same, other entropy otherwise."""
    public = KeyExchange(group).private(SeededEntropy("alice")).public
    one, same, other = (KeyExchange(group).respond(public, SeededEntropy(seed)) for seed in (1, 1, 2))

    assert one == same
    assert one.public != other.public


def test_an_answer_does_not_show_its_secret() -> None:
    """The shared secret is in no text of a response."""
    response = KeyExchange(31).respond(KeyExchange(31).private(SeededEntropy(1)).public, SeededEntropy(2))

    assert "shared" not in repr(response)


@pytest.mark.parametrize("group", [2, 23, 19, 28, 31, 32, *ML_KEM])
def test_a_private_value_repeats_from_its_seed(group: int) -> None:
    """The same entropy gives the same public value, other entropy another."""
    one, same, other = (KeyExchange(group).private(SeededEntropy(seed)).public for seed in (1, 1, 2))

    assert one == same
    assert one != other


@pytest.mark.parametrize("group", ECP)
def test_ecp_public_values_are_the_published_ones(group: int) -> None:
    """The private keys of RFC 5903 section 8 give its public values."""
    vector = _vectors()[group]

    assert KeyExchange(group).from_secret(vector["i"]).public == vector["public_i"]
    assert KeyExchange(group).from_secret(vector["r"]).public == vector["public_r"]


@pytest.mark.parametrize("group", ECP)
def test_ecp_shared_secrets_are_the_published_ones(group: int) -> None:
    """The shared secret of RFC 5903 section 8 is the x coordinate alone."""
    vector = _vectors()[group]

    assert KeyExchange(group).from_secret(vector["i"]).shared(vector["public_r"]) == vector["shared"]
    assert KeyExchange(group).from_secret(vector["r"]).shared(vector["public_i"]) == vector["shared"]


@pytest.mark.parametrize("group", PRINTED)
def test_public_values_are_the_printed_ones(group: int) -> None:
    """The private keys of RFC 5114 appendix A and RFC 7027 appendix A give their public values."""
    vector = _vectors("key_exchange_vectors.txt")[group]

    assert KeyExchange(group).from_secret(vector["i"]).public == vector["public_i"]
    assert KeyExchange(group).from_secret(vector["r"]).public == vector["public_r"]


@pytest.mark.parametrize("group", PRINTED)
def test_shared_secrets_are_the_printed_ones(group: int) -> None:
    """RFC 5114 appendix A and RFC 7027 appendix A: both private keys give the printed secret."""
    vector = _vectors("key_exchange_vectors.txt")[group]

    assert KeyExchange(group).from_secret(vector["i"]).shared(vector["public_r"]) == vector["shared"]
    assert KeyExchange(group).from_secret(vector["r"]).shared(vector["public_i"]) == vector["shared"]


class Said:
    """Entropy that says what it was told to."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def octets(self, count: int) -> bytes:
        assert count == len(self._octets)
        return self._octets


@pytest.mark.parametrize("group", ML_KEM)
def test_ml_kem_keys_are_the_published_ones(group: int) -> None:
    """The seeds of the Known Answer Test give its encapsulation key."""
    vector = _vectors("ml_kem_vectors.txt")[group]

    assert KeyExchange(group).from_secret(vector["seed"]).public == vector["public"]


@pytest.mark.parametrize("group", ML_KEM)
def test_ml_kem_ciphertexts_are_the_published_ones(group: int) -> None:
    """The message of the Known Answer Test gives its ciphertext and secret."""
    vector = _vectors("ml_kem_vectors.txt")[group]
    response = KeyExchange(group).respond(vector["public"], Said(vector["message"]))

    assert (response.public, response.shared) == (vector["ciphertext"], vector["shared"])


@pytest.mark.parametrize("group", ML_KEM)
def test_ml_kem_opens_as_published(group: int) -> None:
    """The ciphertext of the Known Answer Test holds its secret, and what is no ciphertext another one."""
    vector = _vectors("ml_kem_vectors.txt")[group]
    initiator = KeyExchange(group).from_secret(vector["seed"])

    assert initiator.shared(vector["ciphertext"]) == vector["shared"]
    assert initiator.shared(vector["bent"]) == vector["rejected"]


X448_SCALAR = (  # RFC 7748 section 5.2, first vector
    "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3"
)
X448_U = "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086"
X448_RESULT = "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f"


def test_curve448_gives_the_published_value() -> None:
    """Scalar times point is what RFC 7748 section 5.2 prints."""
    private = KeyExchange(32).from_secret(bytes.fromhex(X448_SCALAR))

    assert private.shared(bytes.fromhex(X448_U)).hex() == X448_RESULT


RANDOM_I = bytes.fromhex("751fb4308655b476b6789b7325f9ea8cddd16a58533ff6d9e60009464a5f9d94")
RANDOM_R = bytes.fromhex("0a54645253290d60ddadd0e030bacd9e5501efdc220755a1e978f1b839a05688")
PUBLIC_I = bytes.fromhex("48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766")
PUBLIC_R = bytes.fromhex("0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25")


def test_curve25519_gives_the_published_values() -> None:
    """Public values and shared secret are those of RFC 8031 appendix A."""
    alice, bob = KeyExchange(31).from_secret(RANDOM_I), KeyExchange(31).from_secret(RANDOM_R)

    assert (alice.public, bob.public) == (PUBLIC_I, PUBLIC_R)
    assert alice.shared(PUBLIC_R).hex() == "c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950"


@pytest.mark.parametrize("group", [*SMALL_MODP, *SUBGROUPS])
@pytest.mark.parametrize("value", [0, 1, -1, -2])
def test_modp_refuses_degenerate_values(group: int, value: int) -> None:
    """0, 1, p-1 and p are no public values (RFC 6989 section 2.1)."""
    prime = modp_prime(group)
    number = value if value >= 0 else prime - value - 2
    peer = number.to_bytes(prime.bit_length() // 8, "big")

    with pytest.raises(InvalidPublicValue, match="not in 2"):
        KeyExchange(group).private(SeededEntropy(1)).shared(peer)


def test_modp_accepts_the_smallest_and_the_largest_value() -> None:
    """2 and p-2 are public values."""
    prime = modp_prime(2)
    private = KeyExchange(2).private(SeededEntropy(1))

    assert private.shared((2).to_bytes(128, "big")) == private.public
    assert len(private.shared((prime - 2).to_bytes(128, "big"))) == 128


@pytest.mark.parametrize("group", SUBGROUPS)
def test_a_number_outside_the_subgroup_is_refused(group: int) -> None:
    """What is not in the subgroup would tell something of the exponent (RFC 6989 section 2.2)."""
    method = KeyExchange(group)
    inside = int.from_bytes(method.private(SeededEntropy(2)).public, "big")
    outside = (modp_prime(group) - inside).to_bytes(method.public_size, "big")

    with pytest.raises(InvalidPublicValue, match="subgroup"):
        method.private(SeededEntropy(1)).shared(outside)


@pytest.mark.parametrize("group", sorted(GROUPS - {15, 16, 17, 18}))
@pytest.mark.parametrize("change", [-1, 1])
def test_a_public_value_of_another_length_is_refused(group: int, change: int) -> None:
    """A public value has exactly the method's length, the responder's and the initiator's (RFC 7296 section 3.4)."""
    method = KeyExchange(group)
    answer, question = b"\x02" * (method.response_size + change), b"\x02" * (method.public_size + change)

    with pytest.raises(InvalidPublicValue, match=f"has {len(answer)} octets"):
        method.private(SeededEntropy(1)).shared(answer)
    with pytest.raises(InvalidPublicValue, match=f"has {len(question)} octets"):
        method.respond(question, SeededEntropy(1))


@pytest.mark.parametrize("group", sorted(GROUPS - {15, 16, 17, 18}))
def test_an_empty_public_value_is_refused(group: int) -> None:
    """A KE payload may hold nothing at all."""
    with pytest.raises(InvalidPublicValue, match="has 0 octets"):
        KeyExchange(group).respond(b"", SeededEntropy(1))


@pytest.mark.parametrize("group", CURVES)
def test_a_point_off_the_curve_is_refused(group: int) -> None:
    """A point must satisfy the curve equation (RFC 6989 section 2.3)."""
    point = KeyExchange(group).private(SeededEntropy(2)).public
    bent = point[:-1] + bytes((point[-1] ^ 1,))

    with pytest.raises(InvalidPublicValue, match="no point"):
        KeyExchange(group).private(SeededEntropy(1)).shared(bent)


@pytest.mark.parametrize("group", CURVES)
@pytest.mark.parametrize("octet", [0, 0xFF])
def test_coordinates_of_zeros_or_beyond_the_field_are_refused(group: int, octet: int) -> None:
    """Neither zeros nor numbers greater than p are a point."""
    with pytest.raises(InvalidPublicValue, match="no point"):
        KeyExchange(group).respond(bytes((octet,)) * KeyExchange(group).public_size, SeededEntropy(1))


@pytest.mark.parametrize(
    ("group", "peer"),
    [(31, bytes(32)), (31, b"\x01" + bytes(31)), (32, bytes(56)), (32, b"\x01" + bytes(55))],
)
def test_points_of_low_order_are_refused(group: int, peer: bytes) -> None:
    """A public value that makes the shared secret all zeros is refused (RFC 7748 section 6)."""
    with pytest.raises(InvalidPublicValue, match="low order"):
        KeyExchange(group).private(SeededEntropy(1)).shared(peer)


@pytest.mark.parametrize("group", ML_KEM)
def test_an_encapsulation_key_beyond_the_modulus_is_refused(group: int) -> None:
    """Numbers that are not below q are no key (FIPS 203 section 7.2)."""
    with pytest.raises(InvalidPublicValue, match="below q"):
        KeyExchange(group).respond(b"\xff" * KeyExchange(group).public_size, SeededEntropy(1))


@pytest.mark.parametrize("group", ML_KEM)
def test_a_bent_ciphertext_gives_another_secret(group: int) -> None:
    """Nothing tells a bent ciphertext from a good one but the secret (FIPS 203 section 6.3)."""
    method = KeyExchange(group)
    initiator = method.private(SeededEntropy(1))
    response = method.respond(initiator.public, SeededEntropy(2))
    bent = response.public[:-1] + bytes((response.public[-1] ^ 1,))

    assert initiator.shared(bent) != response.shared


@pytest.mark.parametrize(("group", "size"), [(2, 128), (22, 128), (31, 32), (32, 56)])
def test_an_end_that_does_not_obey_computes_anyway(group: int, size: int) -> None:
    """Unchecked, a public value of zero gives a shared secret of zeros."""
    private = KeyExchange(group).private(SeededEntropy(1))

    assert private.shared(bytes(size), check=False) == bytes(size)


@pytest.mark.parametrize(
    ("group", "bits"),
    [(1, 256), (14, 256), (15, 256), (16, 304), (17, 352), (18, 400), (22, 160), (23, 224), (24, 256)],
)
def test_exponents_have_twice_the_strength_of_their_group(group: int, bits: int) -> None:
    """MODP exponents have 256 bits, twice the group's strength where that is more, or the subgroup's order's length."""
    drawn = []

    class Counting:
        def octets(self, count: int) -> bytes:
            drawn.append(8 * count)
            return bytes(count)

    KeyExchange(group).private(Counting())

    assert drawn == [bits]


def test_python_powers_agree_with_the_fast_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fast library the same values come out."""
    fast = KeyExchange(14).private(SeededEntropy(1))
    expected = fast.public, fast.shared(fast.public)
    module = import_module("harness.crypto.modp")
    monkeypatch.setattr(module, "_powmod", pow)
    monkeypatch.setattr(module, "modp_group", module.modp_group.__wrapped__)
    plain = KeyExchange(14).private(SeededEntropy(1))

    assert (plain.public, plain.shared(plain.public)) == expected


@pytest.mark.parametrize("group", SMALL_MODP)
@pytest.mark.parametrize("exponent", [2, 63, 64, 2**256 - 1, 2**256, 2**300 + 12345])
def test_public_values_are_powers_of_two(group: int, exponent: int) -> None:
    """The public value is 2 to the exponent's power, for exponents shorter and longer than those drawn."""
    public = KeyExchange(group).from_secret(exponent.to_bytes(40, "big")).public

    assert int.from_bytes(public, "big") == pow(2, exponent, modp_prime(group))


def test_a_group_that_is_not_here_is_named() -> None:
    """A group outside the table is refused by its number."""
    assert Group.EC2N_155 not in GROUPS

    with pytest.raises(UnsupportedAlgorithm, match="3"):
        KeyExchange(3)
