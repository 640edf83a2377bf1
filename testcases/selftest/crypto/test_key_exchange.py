"""Key exchange methods against RFC 2409 and RFC 3526 (primes), RFC 5903 section 8 and RFC 8031 appendix A."""

from importlib import import_module
from pathlib import Path

import pytest

from harness.clock import SeededEntropy
from harness.codes import Group
from harness.crypto import GROUPS, InvalidPublicValue, KeyExchange, UnsupportedAlgorithm, modp_prime

HERE = Path(__file__).parent
MODP = (1, 2, 5, 14, 15, 16, 17, 18)
SMALL_MODP = (1, 2, 5, 14)
ECP = (19, 20, 21)


def _printed_primes() -> dict[int, int]:
    chunks = (HERE / "modp_primes.txt").read_text(encoding="ascii").split("group ")[1:]
    return {int(number): int("".join(lines), 16) for number, *lines in (chunk.split() for chunk in chunks)}


def _ecp_vectors() -> dict[int, dict[str, bytes]]:
    chunks = (HERE / "ecp_vectors.txt").read_text(encoding="ascii").split("\ngroup ")[1:]
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


@pytest.mark.parametrize("group", [*SMALL_MODP, *ECP, 31])
def test_both_ends_share_one_secret(group: int) -> None:
    """Two private values of one group agree, at the group's lengths."""
    method = KeyExchange(group)
    alice, bob = method.private(SeededEntropy("alice")), method.private(SeededEntropy("bob"))

    assert alice.shared(bob.public) == bob.shared(alice.public)
    assert (len(alice.public), len(alice.shared(bob.public))) == (method.public_size, method.shared_size)


@pytest.mark.parametrize("group", [2, 19, 31])
def test_a_private_value_repeats_from_its_seed(group: int) -> None:
    """The same entropy gives the same public value, other entropy another."""
    one, same, other = (KeyExchange(group).private(SeededEntropy(seed)).public for seed in (1, 1, 2))

    assert one == same
    assert one != other


@pytest.mark.parametrize("group", ECP)
def test_ecp_public_values_are_the_published_ones(group: int) -> None:
    """The private keys of RFC 5903 section 8 give its public values."""
    vector = _ecp_vectors()[group]

    assert KeyExchange(group).from_secret(vector["i"]).public == vector["public_i"]
    assert KeyExchange(group).from_secret(vector["r"]).public == vector["public_r"]


@pytest.mark.parametrize("group", ECP)
def test_ecp_shared_secrets_are_the_published_ones(group: int) -> None:
    """The shared secret of RFC 5903 section 8 is the x coordinate alone."""
    vector = _ecp_vectors()[group]

    assert KeyExchange(group).from_secret(vector["i"]).shared(vector["public_r"]) == vector["shared"]
    assert KeyExchange(group).from_secret(vector["r"]).shared(vector["public_i"]) == vector["shared"]


RANDOM_I = bytes.fromhex("751fb4308655b476b6789b7325f9ea8cddd16a58533ff6d9e60009464a5f9d94")
RANDOM_R = bytes.fromhex("0a54645253290d60ddadd0e030bacd9e5501efdc220755a1e978f1b839a05688")
PUBLIC_I = bytes.fromhex("48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766")
PUBLIC_R = bytes.fromhex("0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25")


def test_curve25519_gives_the_published_values() -> None:
    """Public values and shared secret are those of RFC 8031 appendix A."""
    alice, bob = KeyExchange(31).from_secret(RANDOM_I), KeyExchange(31).from_secret(RANDOM_R)

    assert (alice.public, bob.public) == (PUBLIC_I, PUBLIC_R)
    assert alice.shared(PUBLIC_R).hex() == "c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950"


@pytest.mark.parametrize("group", SMALL_MODP)
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


@pytest.mark.parametrize(
    ("group", "size"), [(2, 127), (2, 129), (14, 0), (19, 63), (19, 65), (31, 31), (31, 33)]
)
def test_a_public_value_of_another_length_is_refused(group: int, size: int) -> None:
    """A public value has exactly the group's length (RFC 7296 section 3.4)."""
    with pytest.raises(InvalidPublicValue, match=f"has {size} octets"):
        KeyExchange(group).private(SeededEntropy(1)).shared(b"\x02" * size)


@pytest.mark.parametrize("group", ECP)
def test_a_point_off_the_curve_is_refused(group: int) -> None:
    """A point must satisfy the curve equation (RFC 6989 section 2.3)."""
    vector = _ecp_vectors()[group]["public_r"]
    bent = vector[:-1] + bytes((vector[-1] ^ 1,))

    with pytest.raises(InvalidPublicValue, match="no point"):
        KeyExchange(group).private(SeededEntropy(1)).shared(bent)


@pytest.mark.parametrize("peer", [bytes(32), b"\x01" + bytes(31)])
def test_curve25519_refuses_points_of_low_order(peer: bytes) -> None:
    """A public value that makes the shared secret all zeros is refused (RFC 7748 section 6.1)."""
    with pytest.raises(InvalidPublicValue, match="low order"):
        KeyExchange(31).private(SeededEntropy(1)).shared(peer)


@pytest.mark.parametrize(("group", "size"), [(2, 128), (31, 32)])
def test_an_end_that_does_not_obey_computes_anyway(group: int, size: int) -> None:
    """Unchecked, a public value of zero gives a shared secret of zeros."""
    private = KeyExchange(group).private(SeededEntropy(1))

    assert private.shared(bytes(size), check=False) == bytes(size)


@pytest.mark.parametrize(("group", "bits"), [(1, 256), (14, 256), (15, 256), (16, 304), (17, 352), (18, 400)])
def test_exponents_have_twice_the_strength_of_their_group(group: int, bits: int) -> None:
    """MODP exponents have 256 bits, or twice the group's strength where that is more."""
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
    module = import_module("harness.crypto.key_exchange")
    monkeypatch.setattr(module, "_powmod", pow)
    monkeypatch.setattr(module, "_powers_of_two", module._powers_of_two.__wrapped__)
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
    assert Group.MODP_1024_160 not in GROUPS

    with pytest.raises(UnsupportedAlgorithm, match="22"):
        KeyExchange(22)
