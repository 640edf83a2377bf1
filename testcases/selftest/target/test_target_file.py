"""A target file: what it says becomes a configuration, what is wrong is said with its table and key, no secret is told."""

import contextlib
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import Group, ProfileName, Trigger
from harness.crypto.authority import Authority
from harness.profile import Identity
from harness.profile.written import Reader, Unfit
from harness.target.file import TABLES, TargetFileError, read, read_tables
from harness.target.file_page import EXAMPLE
from testcases.selftest.target.edge import ABOUT, CONSENT, told

ABOUT_WITHOUT_NAME = ABOUT.replace('name = "edge-1"\n', "")


def test_a_small_file_is_a_device(tmp_path: Path) -> None:
    """Address, versions, profile and identities are those of the configuration, seen from the device."""
    made = told(tmp_path).configuration

    assert (made.profile, made.versions, made.aggressive) == (ProfileName.STRICT, (1, 2), False)
    assert (made.local_id, made.remote_id) == (
        Identity("fqdn", "edge.example"),
        Identity("fqdn", "tester.example"),
    )
    assert (made.local_address, made.psk) == ("192.0.2.1", b"sesame")


def test_who_it_is_follows_from_its_address(tmp_path: Path) -> None:
    """A device that is told no identity of its own has its address."""
    assert told(tmp_path, identity='psk = "sesame"\n').configuration.local_id == Identity("ipv4", "192.0.2.1")


def test_an_address_is_kept_as_sockets_write_it(tmp_path: Path) -> None:
    """An IPv6 address may be written at length; it is compared with what sockets tell."""
    long = ABOUT.replace("192.0.2.1", "2001:DB8:0:0:0:0:0:1")

    assert told(tmp_path, target=long).about.address == "2001:db8::1"


def test_fields_of_the_model_go_through(tmp_path: Path) -> None:
    """[configuration] has whatever the model has and no other table says."""
    made = told(tmp_path, configuration='pfs_group = "MODP_2048"\nremote_subnets = ["10.1.0.0/16"]\n')

    assert made.configuration.pfs_group == Group.MODP_2048
    assert made.configuration.remote_subnets == ("10.1.0.0/16",)


def test_only_declared_lifetimes_are_declared(tmp_path: Path) -> None:
    """What the file does not say of lifetimes nobody knows; the model gets the soft limit along with the hard one."""
    made = told(tmp_path, lifetimes="child_hard = 600\n")

    assert made.lifetimes == {"child_hard": 600.0}
    assert made.configuration.lifetimes.child_soft == 540.0


def test_a_key_comes_from_a_file(tmp_path: Path) -> None:
    """A shared key can be in a file beside the target file; the end of its line is no part of it."""
    (tmp_path / "edge.key").write_text("sesame\n")

    assert told(tmp_path, identity='psk = { file = "edge.key" }\n').configuration.psk == b"sesame"


def test_a_key_comes_from_the_environment(tmp_path: Path) -> None:
    """A shared key can be in a variable."""
    made = told(tmp_path, {"EDGE_PSK": "sesame"}, identity='psk = { env = "EDGE_PSK" }\n')

    assert made.configuration.psk == b"sesame"


def test_a_certificate_means_signatures(tmp_path: Path) -> None:
    """With a certificate in place of a key both ends sign; the peer has its own key, the device keeps its."""
    authority = Authority("Lab")
    certificate, key = authority.issue("tester.example", [(2, b"tester.example")])
    for name, octets in {"me.der": certificate, "me.key": key, "ca.der": authority.certificate}.items():
        (tmp_path / name).write_bytes(octets)
    own = '{ chain = [{ file = "me.der" }], key = { file = "me.key" }, anchors = [{ file = "ca.der" }] }'

    peer = told(tmp_path, identity=f"certificate = {own}\n").configuration.mirrored()

    assert (peer.local_auth, peer.remote_auth) == ("signature", "signature")
    assert peer.credentials is not None
    assert peer.credentials.key == key


def test_secrets_are_not_told(tmp_path: Path) -> None:
    """What a file says can be shown: no key is in it."""
    control = 'remote_id = "fqdn:control.example"\npsk = "open-barley"\n'
    shown = repr(told(tmp_path, identity_control=control))

    assert "sesame" not in shown
    assert "open-barley" not in shown


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"target": ABOUT_WITHOUT_NAME}, "target.name: missing"),
        ({"target": ABOUT + 'colour = "blue"\n'}, "target.colour: unknown; known are name, kind,"),
        ({"target": ABOUT.replace("192.0.2.1", "edge.example")}, "names are not looked up"),
        ({"target": ABOUT.replace("192.0.2.1", "224.0.0.1")}, "not the address of one device"),
        ({"target": ABOUT.replace("192.0.2.1", "0.0.0.0")}, "not the address of one device"),
        ({"target": ABOUT.replace("192.0.2.1", "255.255.255.255")}, "not the address of one device"),
        ({"target": ABOUT.replace("192.0.2.1", "::ffff:8.8.8.8")}, "IPv4 address in disguise"),
        ({"target": ABOUT.replace('"strict"', '"lazy"')}, "target.configured_as: one of strict,"),
        ({"target": ABOUT.replace('"v1-main"', '"v3"')}, "target.ike[1]: one of v1-main,"),
        ({"target": ABOUT.replace('["v2", "v1-main"]', "[]")}, "target: ike names at least one of"),
        ({"target": ABOUT + "port = 4500\n"}, "port and nat_port are two numbers"),
        ({"target": ABOUT + "port = 70000\n"}, "port and nat_port are two numbers"),
        ({"target": ABOUT + "t_resp_s = 0\n"}, "t_resp_s is positive"),
        ({"target": ABOUT + 'abilities = ["teleport"]\n'}, "no ability is called 'teleport'; abilities are"),
        ({"target": ABOUT + 'abilities = ["configure"]\n'}, "no ability is called 'configure'"),
        ({"devices": ""}, "devices: unknown; the tables are target,"),
        ({"peers": "port = 4500\n"}, "peers: port and nat_port are two numbers"),
        ({"peers": 'addresses = ["nowhere"]\n'}, "peers: 'nowhere' is no IP address"),
        ({"identity": 'local_id = "edge"\npsk = "x"\n'}, "identity.local_id: an identity follows, as in"),
        ({"identity": ""}, "identity: psk is missing, or a certificate"),
        ({"identity": 'psk = ""\n'}, "identity: psk is missing, or a certificate"),
        (
            {"identity": 'psk = { env = "sesame" }\n'},
            "identity.psk: the environment variable that it names is not set",
        ),
        ({"identity": 'psk = { file = "none.key" }\n'}, "identity.psk: none.key: can't be read"),
        ({"identity_control": 'psk = "x"\n'}, "identity.control.remote_id: missing"),
        ({"identity_control": 'remote_id = "fqdn:c"\n'}, "identity.control: a psk or a certificate follows"),
        ({"lifetimes": "child_hard = -1\n"}, "lifetimes: a lifetime is positive"),
        ({"lifetimes": 'child_hard = "long"\n'}, "lifetimes.child_hard: a number follows"),
        ({"waits": "dpd_loss = 3\n"}, "waits.dpd_loss: unknown; known are soft_expiry, hard_expiry"),
        ({"waits": "hard_expiry = 0\n"}, "waits: hard_expiry is positive"),
        ({"provoke": 'earthquake = "shake"\n'}, "provoke.earthquake: no trigger; the triggers are boot,"),
        ({"provoke": "reload = 1\n"}, "provoke.reload: a command for a shell follows"),
        ({"provoke": 'reload = " "\n'}, "provoke.reload: a command for a shell follows"),
        ({"probe": "alive = true\n"}, "probe.alive: a text follows"),
        ({"consent": 'owner = "Ada"\n'}, "consent.until: missing"),
        ({"consent": 'owner = " "\nuntil = 2031-12-31\n'}, "consent: owner is who gave the consent"),
        ({"consent": 'owner = "Ada"\nuntil = "soon"\n'}, "consent: until is no date: soon; write YYYY-MM-DD"),
        ({"limits": "max_rate = 0\n"}, "limits: max_rate is positive"),
        ({"limits": 'max_rate = "fast"\n'}, "limits.max_rate: a whole number follows"),
        ({"configuration": 'psk = "x"\n'}, "configuration.psk: this is said by psk in [identity]"),
        (
            {"configuration": 'profile = "strict"\n'},
            "configuration.profile: this is said by configured_as in [target]",
        ),
        ({"configuration": "weather = 1\n"}, "configuration.weather: unknown"),
        ({"configuration": 'pfs_group = "MODP_1"\n'}, "configuration.pfs_group: a number follows, or one of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_with_its_place(tables: dict[str, str], says: str, tmp_path: Path) -> None:
    """Each is refused by one sentence with file, table and key, and no secret in it."""
    with pytest.raises(TargetFileError) as caught:
        told(tmp_path, **tables)

    sentence = str(caught.value)
    assert sentence.startswith(f"{tmp_path / 'edge.toml'}: ")
    assert says in sentence
    assert "\n" not in sentence
    assert "sesame" not in sentence


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"[target\n", "no TOML"),
        (b"\xff\xfe", "no TOML"),
        (b"x = " + b"[" * 5000, "no TOML"),
        (b"", "target: missing"),
    ],
)
def test_a_file_of_something_else_is_refused(octets: bytes, says: str, tmp_path: Path) -> None:
    """No text and no TOML are refused like a wrong value."""
    file = tmp_path / "edge.toml"
    file.write_bytes(octets)

    with pytest.raises(TargetFileError, match=says):
        read(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """So is a path with nothing behind it."""
    with pytest.raises(TargetFileError, match="can't be read"):
        read(tmp_path / "edge.toml")


names = st.sampled_from([*TABLES, "provoke", "configuration", "identity.control", "psk", "address", "boot"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(), inner, max_size=4)
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(names, anything, max_size=4))
def test_nothing_written_raises_anything_else(tables: dict[str, object]) -> None:
    """Whatever stands in a file, it is a device or it is refused with a place."""
    with contextlib.suppress(Unfit):
        read_tables(tables, "edge.toml", Reader())


def test_commands_are_listed_by_their_place(tmp_path: Path) -> None:
    """All that the file would have run can be shown before it is."""
    made = told(tmp_path, provoke='reload = "a"\n', probe='alive = "b"\nlog = "c"\n')

    assert made.commands == {"provoke.reload": "a", "probe.alive": "b", "probe.log": "c"}
    assert made.provoke == {Trigger.RELOAD: "a"}


@pytest.mark.parametrize(
    ("address", "known"),
    [("192.0.2.1", False), ("10.0.0.1", False), ("8.8.8.8", True), ("2001:4860::1", True)],
)
def test_addresses_of_no_private_network_are_told_apart(address: str, known: bool, tmp_path: Path) -> None:
    """Documentation and private addresses are nobody's; others may be anybody's."""
    assert told(tmp_path, target=ABOUT.replace("192.0.2.1", address)).is_global is known


@pytest.mark.parametrize(
    ("tables", "today", "why"),
    [
        ({}, "2026-01-01T00:00:00Z", "add [consent]"),
        ({"consent": CONSENT}, "2026-01-01T00:00:00Z", None),
        ({"consent": CONSENT}, "2031-12-31T23:59:59Z", None),
        ({"consent": CONSENT}, "2032-01-01T00:00:00Z", "the consent ended on 2031-12-31; ask Ada again"),
        (
            {"consent": CONSENT, "target": ABOUT.replace('authorised = "own laboratory"\n', "")},
            "2026-01-01T00:00:00Z",
            "what it is authorised by",
        ),
    ],
)
def test_consent_is_of_an_owner_and_for_a_time(
    tables: dict[str, str], today: str, why: str | None, tmp_path: Path
) -> None:
    """A device is attacked only with consent that has not ended, by the clock's own date."""
    refused = told(tmp_path, **tables).refuses_attacks(today)

    assert (refused is None) if why is None else (refused is not None and why in refused)


def test_the_example_of_the_page_is_a_device(tmp_path: Path) -> None:
    """What docs/targets.md shows can be copied."""
    (tmp_path / "control.key").write_text("barley\n")
    (tmp_path / "edge.toml").write_text(dedent(EXAMPLE))

    shown = read(tmp_path / "edge.toml", {"EDGE_1_PSK": "sesame"})

    assert (shown.about.name, shown.configuration.psk) == ("edge-1", b"sesame")
    assert shown.refuses_attacks("2030-01-01T00:00:00Z") is None
