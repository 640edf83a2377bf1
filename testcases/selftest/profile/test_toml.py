"""The TOML form of a configuration: it says all that the model has, and what is wrong is said with its place."""

import contextlib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import Encr, Group, Integ, Prf, ProfileName
from harness.profile import DEFAULT, Configuration, Identity, IkeProposal, Lifetimes, Peer, User
from harness.profile.toml import TomlError, read, show
from harness.profile.written import Reader, Unfit
from testcases.selftest.profile.configurations import gateways

SMALL = """\
profile = "strict"
psk = "sesame"
remote_id = "fqdn:spoke.example"
peer = "any"
"""
BOB = """
[[further_peers]]
remote_id = "fqdn:bob.example"
peer = "192.0.2.3"
psk = "bobs"
"""


def refusal_of(text: str) -> str:
    """The sentence with which a text is refused."""
    with pytest.raises(TomlError) as caught:
        read(text, "device.toml")
    return str(caught.value)


@settings(deadline=None, max_examples=60)
@given(gateways)
def test_any_configuration_reads_back(configuration: Configuration) -> None:
    """What is printed reads back as what it was."""
    assert read(show(configuration)) == configuration


@settings(deadline=None, max_examples=15)
@given(gateways)
def test_printing_is_stable(configuration: Configuration) -> None:
    """A text that was printed, read and printed again is the same."""
    printed = show(configuration)

    assert show(read(printed)) == printed


names = st.sampled_from([field.name for kind in (Configuration, Lifetimes, Peer) for field in fields(kind)])
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["none", "fqdn:a"])
)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(), inner, max_size=3)
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(names, anything, max_size=4))
def test_any_table_is_read_or_refused(table: dict[str, object]) -> None:
    """Whatever a table holds, reading it ends in a configuration or in a sentence."""
    with contextlib.suppress(Unfit):
        Reader().read(Configuration, table)


def test_a_few_lines_are_a_device() -> None:
    """What is not said is as in the catalogue's configuration."""
    assert read(SMALL) == replace(
        DEFAULT, psk=b"sesame", remote_id=Identity("fqdn", "spoke.example"), peer=None
    )


def test_a_device_is_two_way_unless_it_says_otherwise() -> None:
    """Responder-only is explicit: an empty text is no responder-only device."""
    assert read("").profile is ProfileName.TWO_WAY


def test_a_further_peer_is_as_responder_only_as_the_device() -> None:
    """No peer of a strict device becomes two-way by a line that is missing."""
    (peer,) = read(SMALL + BOB).further_peers

    assert peer.profile is ProfileName.STRICT


def test_a_further_peer_may_have_a_profile_of_its_own() -> None:
    """Responder-only is a matter of each peer."""
    (peer,) = read(SMALL + BOB + 'profile = "two-way"\n').further_peers

    assert peer.profile is ProfileName.TWO_WAY


def test_a_further_peer_has_the_lifetimes_of_the_device() -> None:
    """What a further peer leaves out is the device's."""
    (peer,) = read(f"{SMALL}[lifetimes]\nchild_hard = 60\n{BOB}").further_peers

    assert peer.lifetimes == Lifetimes(child_hard=60.0, child_soft=54.0)


def test_a_hard_limit_alone_brings_its_soft_one_along() -> None:
    """Nobody gets a soft limit behind the hard one by saying only one of them."""
    lifetimes = read(SMALL + "[lifetimes]\nike_hard = 100\n").lifetimes

    assert (lifetimes.ike_soft, lifetimes.ike_hard) == (90.0, 100.0)


def test_code_points_go_by_their_names_or_numbers() -> None:
    """The registry's name, or the number where there is none."""
    text = '[[proposals_v2]]\nencr = "ENCR_AES_CBC"\nkey_bits = 256\ninteg = 12\nprf = "5"\ngroup = "MODP_2048"\n'

    assert read(text).proposals_v2 == (
        IkeProposal(
            Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.MODP_2048
        ),
    )


@pytest.mark.parametrize("content", [b"sesame", b"sesame\n", b"sesame\r\n"])
def test_a_secret_may_be_in_a_file(tmp_path: Path, content: bytes) -> None:
    """A file beside the configuration, without the end of its line."""
    (tmp_path / "psk").write_bytes(content)

    assert read('psk = { file = "psk" }', directory=tmp_path).psk == b"sesame"


def test_a_certificate_may_be_in_pem(tmp_path: Path) -> None:
    """PEM is taken for the octets that it holds."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nMAECAwQ=\n-----END CERTIFICATE-----\n")

    credentials = read('[credentials]\nanchors = [{ file = "ca.pem" }]\n', directory=tmp_path).credentials

    assert credentials is not None
    assert credentials.anchors == (bytes.fromhex("3001020304"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("psk = ", "device.toml: no TOML: Invalid value (at end of document)"),
        ("format = 1\npsk = x\n", "no TOML: Invalid value (at line 2, column 7)"),
        ("format = 2", "format: this program reads format 1"),
        ("speed = 9", "speed: unknown; known are profile, versions"),
        ('profile = "lazy"', "profile: one of strict, rekey-ok, p1-only, two-way follows"),
        ('Profile = "strict"', "Profile: unknown"),
        ("psk = 7", 'psk: a text follows, or {hex = "…"}, or {file = "…"}'),
        ("psk = {hex = 'xyz'}", "psk: an even number of hexadecimal digits follows `hex`"),
        ("psk = {file = 'x'}", "psk: x: can't be read"),
        ('remote_id = "spoke.example"', 'remote_id: an identity follows, as in "fqdn:hub.example"'),
        ('remote_id = "nickname:x"', "remote_id: no identity is of kind 'nickname'"),
        ('local_id = "ipv4:nowhere"', "local_id: 'nowhere' does not appear to be an IPv4 or IPv6 address"),
        ('peer = "nowhere"', "'nowhere' does not appear to be an IPv4 or IPv6 address"),
        ("versions = [3]", "the versions of IKE are 1 and 2, not (3,)"),
        ("versions = 2", "versions: an array follows"),
        ("aggressive = 1", "aggressive: true or false follows"),
        ("cookie_threshold = true", "cookie_threshold: a whole number follows"),
        ("[lifetimes]\nhalf_open = inf", "lifetimes.half_open: a number follows"),
        ("[lifetimes]\nhalf_open = -1", "lifetimes: a lifetime is positive and ends; half_open is -1"),
        ("lifetimes = 7", "lifetimes: a table follows"),
        ("[dpd]\nretry = 2", "dpd.interval: missing"),
        (
            '[[proposals_v1]]\nencr = "ROT13"\nkey_bits = 128\nhash = 1\nauth = 1\ngroup = 2',
            "proposals_v1[0].encr: a number follows, or one of DES_CBC",
        ),
        ('[[further_peers]]\npsk = "x"\npeer = "any"', "further_peers[0].remote_id: missing"),
        (SMALL + BOB + BOB, "two peers are bob.example; an identity tells peers apart"),
        (SMALL + BOB + 'local_subnets = ["x"]', "'x' does not appear to be an IPv4 or IPv6 network"),
        ("further_peers = 3", "further_peers: an array follows"),
        ("further_peers = [3]", "further_peers[0]: a table follows"),
        ('second_selector = ["10.0.0.0/8"]', "second_selector: 2 values follow: local, remote"),
        ("[" * 5000, "no TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    """The file, the line or the key, and what would be right."""
    refusal = refusal_of(text)

    assert refusal.startswith("device.toml: ")
    assert said in refusal


def test_a_refusal_is_printable() -> None:
    """A text can't send control characters to the terminal of who reads its refusal."""
    assert refusal_of('"\\u001b[31m" = 1').isprintable()


def test_secrets_can_be_left_out() -> None:
    """A text for others holds neither key nor password, and can't be played until it is filled in."""
    device = replace(DEFAULT, psk=b"Xyzzy", users=(User("alice", "Plugh"),))
    text = show(device, hide_secrets=True)

    assert "Xyzzy" not in text
    assert "Plugh" not in text
    assert "printed with its secrets hidden" in refusal_of(text)


@pytest.mark.parametrize("text", ['psk = { hex = "Xyzzy" }', 'psk = ["Xyzzy"]', 'psk = "Xyzzy"\nspeed = 1'])
def test_no_refusal_tells_a_secret(text: str) -> None:
    """Whatever is wrong with a secret, or beside it, the sentence does not hold it."""
    assert "Xyzzy" not in refusal_of(text)
