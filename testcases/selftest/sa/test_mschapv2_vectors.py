"""MS-CHAPv2 against RFC 2759 section 9.2 and RFC 3079 section 3.5.3."""

from harness.sa.mschapv2 import MsChapV2, nt_password_hash, without_domain

SAMPLE = MsChapV2(
    b"User",
    "clientPass",
    server_challenge=bytes.fromhex("5b5d7c7d7b3f2f3e3c2c602132262628"),
    peer_challenge=bytes.fromhex("21402324255e262a28295f2b3a337c7e"),
)


def test_password_hash() -> None:
    """The password's hash is RFC 2759's."""
    assert nt_password_hash("clientPass").hex() == "44ebba8d5312b8d611474411f56989ae"


def test_nt_response() -> None:
    """The client's proof is RFC 2759's."""
    assert SAMPLE.nt_response.hex() == "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"


def test_authenticator_response() -> None:
    """The server's proof is RFC 2759's."""
    assert SAMPLE.authenticator_response.hex() == "407a5589115fd0d6209f510fe9c04566932cda56"


def test_send_key_is_the_second_half_of_the_msk() -> None:
    """The server's send key is RFC 3079's SendStartKey128, and stands second in a Master Session Key of 64 octets."""
    assert SAMPLE.msk[16:32].hex() == "8b7cdc149b993a1ba118cb153f56dccb"
    assert SAMPLE.msk[32:] == bytes(32)


def test_name_is_hashed_without_its_domain() -> None:
    r"""Of `DOMAIN\user` only the user counts; a name without domain stays."""
    assert (without_domain(b"DOMAIN\\user"), without_domain(b"user")) == (b"user", b"user")


def test_repr_hides_the_password() -> None:
    """An exchange printed by accident tells no password."""
    assert "clientPass" not in repr(SAMPLE)
