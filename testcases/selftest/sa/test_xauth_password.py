"""The password of RADIUS-CHAP, held against a published one."""

from harness.sa.xauth import chap_password

CHALLENGE = bytes.fromhex("2aee86f08d0d55969ca5978e0d3367a2")
PASSWORD = bytes.fromhex("16e97557c316185895f293ff6344077275")


def test_the_hidden_password_is_that_of_the_published_example() -> None:
    """RFC 2865 section 7.2: the CHAP-Password of the user flopsy, whose password is that of section 7.1."""
    assert chap_password(0x16, b"arctangent", CHALLENGE) == PASSWORD
