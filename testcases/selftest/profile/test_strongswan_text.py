"""strongSwan's files printed from a Configuration: pure text, each option where its parser wants it."""

import re
from dataclasses import replace

import pytest

from harness.codes import AuthMethodV1, Encr, Esn, Group, Integ, ProfileName, Protocol
from harness.profile import DEFAULT, ChildProposal, Configuration, Dpd, Identity, IsakmpPolicy, Selector
from harness.profile.child_policy import ChildPolicy
from harness.profile.credentials import Credentials, Ppk, User
from harness.profile.exchanges import Fragments
from harness.profile.extensions import AddressPool, Mobility
from harness.profile.strongswan import (
    ANSWERS,
    AT_ONCE,
    ON_TRAFFIC,
    Role,
    charon_options,
    initiate_command,
    role_of,
    strongswan_conf,
    swanctl_conf,
    switches,
    unfit,
)
from harness.profile.strongswan_proofs import quoted, swanctl_files
from harness.profile.version1 import Version1, Xauth
from harness.profile.ways import WAYS, Way

INITIATOR = DEFAULT.mirrored()


def options(text: str) -> dict[str, str]:
    """The options of a settings text by their path: `connections.v2.version` is `2`."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in text.splitlines():
        word = line.strip()
        if word.endswith("{"):
            path.append(word.removesuffix("{").strip())
        elif word == "}":
            path.pop()
        else:
            name, _, value = word.partition(" = ")
            found[".".join([*path, name])] = value
    assert not path
    return found


def swanctl(**changes: object) -> dict[str, str]:
    """The options printed for the catalogue's initiator with changes."""
    return options(swanctl_conf(replace(INITIATOR, **changes)))


@pytest.mark.parametrize(
    ("way", "version", "aggressive"),
    [("v2", "2", None), ("v1-main", "1", None), ("v1-aggressive", "1", "yes")],
)
def test_connection_has_version_and_mode(way: Way, version: str, aggressive: str | None) -> None:
    """Each way in is a connection with its version, and Aggressive Mode where it is meant."""
    found = swanctl()

    assert found[f"connections.{way}.version"] == version
    assert found.get(f"connections.{way}.aggressive") == aggressive


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({"versions": (2,)}, {"v2"}),
        ({"versions": (1,)}, {"v1-main", "v1-aggressive"}),
        ({"aggressive": False}, {"v2", "v1-main"}),
    ],
)
def test_only_spoken_ways_are_printed(changes: dict[str, object], ways: set[str]) -> None:
    """A version or mode that the configuration lacks has no connection."""
    names = {name.split(".")[1] for name in swanctl(**changes) if name.startswith("connections.")}

    assert names == ways


def test_mirrored_ends_face_the_target() -> None:
    """The initiator stands at the target's peer address and calls the target's."""
    found = swanctl()

    assert (found["connections.v2.local_addrs"], found["connections.v2.remote_addrs"]) == (
        "192.0.2.2",
        "192.0.2.1",
    )
    assert (found["connections.v2.local.id"], found["connections.v2.remote.id"]) == ("192.0.2.2", "192.0.2.1")


def test_selectors_are_those_of_the_initiator() -> None:
    """The initiator's local subnet is the target's remote one."""
    found = swanctl()

    assert found["connections.v2.children.net.local_ts"] == "203.0.113.0/24"
    assert found["connections.v2.children.net.remote_ts"] == "198.51.100.0/24"


def test_suites_of_version_2() -> None:
    """AEAD suites name their PRF; others imply it by their integrity."""
    assert swanctl()["connections.v2.proposals"] == (
        "aes256gcm16-prfsha256-curve25519,aes256-sha256-modp2048,aes128-sha256-ecp256,3des-sha1-modp1024"
    )


def test_suites_of_version_1() -> None:
    """A policy of phase 1 is cipher, hash and group."""
    assert swanctl()["connections.v1-main.proposals"] == (
        "aes128-sha256-modp2048,aes128-sha1-modp1536,3des-sha1-modp1024,3des-md5-modp1024"
    )


def test_pfs_group_ends_each_child_suite() -> None:
    """With PFS every suite of a child carries the group."""
    assert swanctl(pfs_group=Group.MODP_2048)["connections.v2.children.net.esp_proposals"] == (
        "aes256gcm16-modp2048,aes128-sha256-modp2048,aes128-sha1-modp2048,3des-sha1-modp2048"
    )


def test_additional_key_exchanges_are_numbered() -> None:
    """A suite names its further key exchanges in their order (RFC 9370 section 2.2.1)."""
    suite = replace(DEFAULT.proposals_v2[0], additional=(Group.ML_KEM_768, Group.ECP_384))

    assert swanctl(proposals_v2=(suite,))["connections.v2.proposals"] == (
        "aes256gcm16-prfsha256-curve25519-ke1_mlkem768-ke2_ecp384"
    )


def test_extended_sequence_numbers_are_asked_for_in_version_2_alone() -> None:
    """IKEv1 children have no such suite here."""
    proposal = ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, Esn.ESN)

    found = swanctl(child_proposals=(proposal,))

    assert found["connections.v2.children.net.esp_proposals"] == "aes128-sha1-esn"
    assert found["connections.v1-main.children.net.esp_proposals"] == "aes128-sha1"


def test_ah_has_its_own_option() -> None:
    """Suites of AH are not among those of ESP."""
    found = swanctl(child_proposals=(ChildProposal(Protocol.AH, 0, None, Integ.AUTH_HMAC_SHA1_96),))

    assert found["connections.v2.children.net.ah_proposals"] == "sha1"
    assert "connections.v2.children.net.esp_proposals" not in found


def test_configuration_without_a_word_is_refused() -> None:
    """Suites that strongSwan can't be told leave nothing to offer."""
    with pytest.raises(ValueError, match="strongSwan has no word for any suite of an IKE SA by v2"):
        swanctl(proposals_v2=(replace(DEFAULT.proposals_v2[0], group=Group(4711)),))


def test_second_selector_is_a_second_child() -> None:
    """A second pair of subnets can be asked for by name."""
    found = swanctl(second_selector=Selector("10.2.0.0/16", "10.1.0.0/16"))

    assert found["connections.v2.children.second.local_ts"] == "10.2.0.0/16"


@pytest.mark.parametrize("way", WAYS)
def test_strict_configuration_never_rekeys(way: Way) -> None:
    """Every timer that would start something is switched off by name."""
    found = swanctl()

    assert {found[f"connections.{way}.{name}"] for name in ("rekey_time", "reauth_time", "dpd_delay")} == {
        "0"
    }
    child = f"connections.{way}.children.net"
    assert {found[f"{child}.{name}"] for name in ("rekey_time", "rekey_bytes", "rekey_packets")} == {"0"}
    assert {found[f"{child}.{name}"] for name in ("start_action", "close_action")} == {"none"}


def two_way(**lifetimes: float) -> Configuration:
    """An initiator that rekeys."""
    return replace(INITIATOR, profile=ProfileName.TWO_WAY).with_lifetimes(**lifetimes)


def test_two_way_rekeys_at_its_soft_limits() -> None:
    """Soft limits become rekey times, hard ones what follows them."""
    found = options(swanctl_conf(two_way(ike_soft=25, ike_hard=40, child_soft=10, child_hard=20)))

    assert (found["connections.v2.rekey_time"], found["connections.v2.over_time"]) == ("25s", "15s")
    child = "connections.v2.children.net"
    assert (found[f"{child}.rekey_time"], found[f"{child}.life_time"]) == ("10s", "20s")


def test_two_way_renews_phase_1_by_reauthentication() -> None:
    """What version 1 calls a new phase 1 is strongSwan's reauthentication."""
    found = options(swanctl_conf(two_way(ike_soft=25, ike_hard=40)))

    assert (found["connections.v1-main.reauth_time"], found["connections.v1-main.rekey_time"]) == ("25s", "0")


def test_version_1_offers_a_life_without_renewing() -> None:
    """Where nothing is renewed, strongSwan would offer a life of 0 seconds; what is added to 0 is the hard limit."""
    found = swanctl()

    assert found["connections.v1-main.over_time"] == "86400s"
    assert "connections.v2.over_time" not in found


def test_liveness_checks_are_printed() -> None:
    """DPD has its interval, and in version 1 its whole patience."""
    found = swanctl(dpd=Dpd(5.0, 2.0, 3))

    assert found["connections.v2.dpd_delay"] == "5s"
    assert found["connections.v1-main.dpd_timeout"] == "11s"


@pytest.mark.parametrize(
    ("identity", "printed"),
    [
        (Identity("ipv6", "2001:db8::2"), "2001:db8::2"),
        (Identity("fqdn", "hub.example"), '"fqdn:hub.example"'),
        (Identity("user_fqdn", "a@example"), '"email:a@example"'),
        (Identity("key_id", "two words"), '"keyid:#74776f20776f726473"'),
        (Identity("key_id", 'a"b'), '"keyid:a\\"b"'),
    ],
)
def test_identity_says_its_kind(identity: Identity, printed: str) -> None:
    """An identity is printed so that strongSwan guesses nothing, in hexadecimal where it is no word."""
    assert swanctl(local_id=identity)["connections.v2.local.id"] == printed


def test_any_identity() -> None:
    """Where anybody may answer, the identity is left open."""
    assert swanctl(remote_id=None)["connections.v2.remote.id"] == "%any"


def test_key_is_hexadecimal() -> None:
    """Any octets can be a key."""
    assert swanctl(psk=b"\x00 }\n")["secrets.ike-psk.secret"] == "0x00207d0a"


def test_hidden_key_is_not_printed() -> None:
    """A text printed for others holds no key."""
    text = swanctl_conf(INITIATOR, hide_secrets=True)

    assert INITIATOR.psk.hex() not in text
    assert options(text)["secrets.ike-psk.secret"] == "<hidden>"


def test_other_port_is_said() -> None:
    """A target on another port is called there."""
    text = swanctl_conf(INITIATOR, ways=("v2",), remote_port=15500)

    assert options(text)["connections.v2.remote_port"] == "15500"


def test_daemon_writes_into_its_directory_alone() -> None:
    """Log and control socket lie where the caller said."""
    found = options(strongswan_conf("/somewhere"))

    assert [value for value in found.values() if "/" in value] == [
        '"/somewhere/charon.log"',
        '"unix:///somewhere/charon.vici"',
    ]


def test_daemon_has_no_defences_and_threads_enough() -> None:
    """No COOKIE and no blocking stand between a test and its answer; sixteen threads keep vici alive."""
    found = options(strongswan_conf("/x"))

    assert (found["charon.dos_protection"], found["charon.threads"]) == ("no", "16")


def test_userspace_esp_comes_before_netlink() -> None:
    """The userspace kernel interface has to be loaded first to win."""
    plugins = options(strongswan_conf("/x", userspace_esp=True))["charon.load"]

    assert re.search(r"kernel-libipsec kernel-netlink", plugins)
    assert "kernel-libipsec" not in options(strongswan_conf("/x"))["charon.load"]


def test_control_character_is_refused() -> None:
    """A path with a line feed can't slip in options of its own."""
    with pytest.raises(ValueError, match="no control characters"):
        quoted("/tmp/x\n}")


def test_initiation_is_one_command() -> None:
    """The words that start a connection by its way."""
    assert initiate_command("v1-main")[:6] == ("swanctl", "--initiate", "--child", "net", "--ike", "v1-main")


CREDENTIALS = Credentials((b"own", b"issuer"), b"key", (b"root",))
USER = User("carol@example.org", 'so "secret"')


def client(**changes: object) -> dict[str, str]:
    """The options printed for an initiator that trusts an authority, with changes."""
    return swanctl(**{"remote_auth": "signature", "credentials": CREDENTIALS, **changes})


def test_signing_end_names_its_certificate_and_whom_it_trusts() -> None:
    """Each end by itself: the peer's certificate has to lead to our anchor."""
    found = client(local_auth="signature")

    assert {name: value for name, value in found.items() if ".v2." in name and "cert" in name} == {
        "connections.v2.local.certs": "local.crt",
        "connections.v2.remote.cacerts": "anchor0.crt",
    }
    assert (found["connections.v2.local.auth"], found["connections.v2.remote.auth"]) == ("pubkey", "pubkey")


def test_files_lie_where_swanctl_looks() -> None:
    """The end's own certificate apart from those that issued it."""
    assert swanctl_files(replace(INITIATOR, credentials=CREDENTIALS)) == {
        "x509/local.crt": b"own",
        "private/local.key": b"key",
        "x509ca/chain1.crt": b"issuer",
        "x509ca/anchor0.crt": b"root",
    }
    assert swanctl_files(INITIATOR) == {}


def test_client_with_a_password_takes_any_method() -> None:
    """Whom it shows itself as is the first user, whose password stands among the secrets as octets."""
    found = client(local_auth="eap", users=(USER,))

    assert found["connections.v2.local.auth"] == "eap"
    assert found["connections.v2.local.eap_id"] == '"carol@example.org"'
    assert found["secrets.eap-0.secret"] == f"0x{USER.password.encode().hex()}"


def test_gateway_asks_by_the_method_it_likes_best() -> None:
    """There is one word for it."""
    found = swanctl(local_auth="psk", remote_auth="eap", eap_methods=("md5", "mschapv2"))

    assert found["connections.v2.remote.auth"] == "eap-md5"


def test_post_quantum_key_is_of_version_2() -> None:
    """Its name, whether it must be used, and its octets among the secrets."""
    found = swanctl(ppk=Ppk(b"ppk-1", b"\1\2", mandatory=False))

    assert found["connections.v2.ppk_id"] == '"ppk-1"'
    assert found["connections.v2.ppk_required"] == "no"
    assert found["secrets.ppk.secret"] == "0x0102"
    assert "connections.v1-main.ppk_id" not in found


def policies(method: AuthMethodV1) -> tuple[IsakmpPolicy, ...]:
    """The catalogue's policies of phase 1 with another method."""
    return tuple(replace(each, auth=method) for each in DEFAULT.proposals_v1)


def test_phase_1_is_proved_by_the_first_policy_s_method() -> None:
    """A connection has one; policies by other methods are left out."""
    mixed = (*policies(AuthMethodV1.RSA_SIGNATURES)[:1], *DEFAULT.proposals_v1)

    found = client(proposals_v1=mixed)

    assert found["connections.v1-main.local.auth"] == "pubkey"
    assert found["connections.v1-main.proposals"] == "aes128-sha256-modp2048"


@pytest.mark.parametrize(
    ("xauth", "name", "user"), [(None, "local-xauth", f'"{USER.name}"'), (Xauth(), "remote-xauth", None)]
)
def test_extended_authentication_is_a_second_round(xauth: Xauth | None, name: str, user: str | None) -> None:
    """Of the client, or of the gateway that asks for it."""
    found = swanctl(
        proposals_v1=policies(AuthMethodV1.XAUTH_INIT_PRE_SHARED),
        users=(USER,),
        version1=Version1(xauth=xauth),
    )

    assert found["connections.v1-main.local.auth"] == "psk"
    assert found[f"connections.v1-main.{name}.auth"] == "xauth"
    assert found.get(f"connections.v1-main.{name}.xauth_id") == user


@pytest.mark.parametrize(
    "changes",
    [{"local_auth": "null"}, {"proposals_v1": policies(AuthMethodV1.DSS_SIGNATURES)}],
)
def test_proof_without_a_word_is_refused(changes: dict[str, object]) -> None:
    """Nothing is printed in its place."""
    with pytest.raises(ValueError, match="strongSwan has no word for the"):
        swanctl(**changes)


def test_mobility_is_of_the_connection() -> None:
    """MOBIKE is off unless it is configured."""
    assert swanctl()["connections.v2.mobike"] == "no"
    assert swanctl(mobility=Mobility())["connections.v2.mobike"] == "yes"


def test_further_lines_outdo_what_is_printed() -> None:
    """They come after it in their section, and the last one counts."""
    found = options(
        swanctl_conf(
            INITIATOR, further={"connection": ["mobike = yes"], "local": ["id = a"], "child": ["mode = pass"]}
        )
    )

    assert found["connections.v2.mobike"] == "yes"
    assert found["connections.v2.local.id"] == "a"
    assert found["connections.v2.children.net.mode"] == "pass"
    assert "retransmit_tries = 1" in strongswan_conf("/run", further={"charon": ["retransmit_tries = 1"]})


def test_mode_is_that_of_the_children() -> None:
    """Tunnel mode is what is meant where nothing is said."""
    assert "connections.v2.children.net.mode" not in swanctl()
    assert swanctl(children=ChildPolicy(transport=True))["connections.v2.children.net.mode"] == "transport"


# --- a strongSwan that is called --------------------------------------------------------------------------


def called(role: Role = ANSWERS, **changes: object) -> dict[str, str]:
    """The options of the catalogue's responder with changes."""
    return options(swanctl_conf(replace(DEFAULT, **changes), role=role))


def test_who_is_called_takes_peers_from_anywhere() -> None:
    """The first address is the one that a two-way device calls."""
    assert called()["connections.v2.remote_addrs"] == "192.0.2.2,0.0.0.0/0,::/0"


def test_who_is_called_makes_key_exchanges_for_children_that_nobody_demands() -> None:
    """Every suite stands there without a group and with each group of the IKE SAs."""
    suites = called()["connections.v2.children.net.esp_proposals"].split(",")
    assert {"aes256gcm16", "aes256gcm16-curve25519", "aes256gcm16-modp2048"} <= set(suites)
    assert suites[0] == "aes256gcm16"


def test_a_group_that_is_demanded_is_the_only_one() -> None:
    """No suite can be had without it."""
    suites = called(pfs_group=Group.ECP_256)["connections.v2.children.net.esp_proposals"].split(",")
    assert all(suite.endswith("-ecp256") for suite in suites)


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({}, "v2"),
        ({"initiate_version": 1}, "v1-main"),
        ({"initiate_version": 1, "initiate_mode": "aggressive"}, "v1-aggressive"),
    ],
)
def test_two_way_starts_one_way(changes: dict[str, object], way: Way) -> None:
    """The connections of the other ways stay passive, or one packet would start several SAs."""
    found = called(AT_ONCE, **changes)
    actions = {each: found[f"connections.{each}.children.net.start_action"] for each in WAYS}
    assert actions == {**dict.fromkeys(WAYS, "none"), way: "trap|start"}


def test_two_way_makes_again_what_ended() -> None:
    """A child that the peer deleted and one whose peer is dead are started again."""
    child = "connections.v2.children.net"
    found = called(ON_TRAFFIC)
    assert [found[f"{child}.{name}_action"] for name in ("start", "close", "dpd")] == [
        *("trap", "start", "restart")
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, {"fragmentation": "no", "childless": "allow"}),
        ({"fragments": Fragments(), "childless": False}, {"fragmentation": "yes", "childless": "never"}),
    ],
)
def test_what_is_agreed_to_is_said(changes: dict[str, object], told: dict[str, str]) -> None:
    """Its own defaults do not decide."""
    found = called(**changes)
    assert {name: found[f"connections.v2.{name}"] for name in told} == told


def test_inner_addresses_come_out_of_a_pool() -> None:
    """A client's child is for the address that it got."""
    found = called(pool=AddressPool("10.77.0.0/29", dns=("10.77.0.53",)))
    assert (found["pools.inner.addrs"], found["pools.inner.dns"]) == ("10.77.0.0/29", "10.77.0.53")
    assert (found["connections.v2.pools"], found["connections.v2.children.net.remote_ts"]) == (
        *("inner", "dynamic"),
    )


def test_a_client_has_no_pool_of_its_own() -> None:
    """The pool is its gateway's; the child is for what is behind that."""
    found = swanctl(pool=AddressPool("10.77.0.0/29"))
    assert not [name for name in found if name.startswith("pools")]
    assert found["connections.v2.children.net.remote_ts"] == "198.51.100.0/24"


def test_a_limit_by_volume_has_no_jitter() -> None:
    """Jitter would put a rekeying at 0, which means never, to some random volume."""
    child = "connections.v2.children.net"
    assert {called()[f"{child}.{name}"] for name in ("rand_time", "rand_bytes", "rand_packets")} == {"0"}


def test_the_daemon_has_the_patience_of_its_configuration() -> None:
    """Half-open SAs, retransmissions and fragments are settled for all connections."""
    configuration = replace(DEFAULT, fragments=Fragments(size=600)).with_lifetimes(half_open=4.0)
    assert charon_options(configuration) == [
        "half_open_timeout = 4",
        "retransmit_timeout = 1.0",
        "retransmit_base = 2.0",
        "retransmit_tries = 4",
        "fragment_size = 600",
    ]


@pytest.mark.parametrize(
    ("configuration", "why"),
    [
        (DEFAULT, ""),
        (DEFAULT.with_lifetimes(child_hard=5.0, ike_hard=7200.0), ""),
        (replace(DEFAULT, profile=ProfileName.REKEY_OK).with_lifetimes(ike_hard=6.0), ""),
        (DEFAULT.with_lifetimes(ike_hard=6.0), "no IKE SA of it ends by its age"),
        (
            replace(DEFAULT, profile=ProfileName.REKEY_OK, initiate_version=1).with_lifetimes(ike_hard=6.0),
            "no IKE SA of it ends by its age",
        ),
        (replace(DEFAULT, profile=ProfileName.P1_ONLY), "Child SAs on a peer's IKE SA"),
        (
            replace(
                DEFAULT, proposals_v2=(replace(DEFAULT.proposals_v2[0], additional=(Group.ML_KEM_768,)),)
            ),
            "no additional key exchanges",
        ),
        (replace(DEFAULT, mobility=Mobility()), ""),
        (replace(DEFAULT, mobility=Mobility(routability=False)), "details of mobility"),
        (replace(DEFAULT, fragments=Fragments(most=4)), "kept of a fragmented message"),
        (replace(DEFAULT, pool=AddressPool("10.0.0.0/29", demanded=True)), "asks for no address"),
        (replace(DEFAULT, local_auth="null"), "no word for the proof 'null'"),
    ],
)
def test_what_it_can_not_be_is_told(configuration: Configuration, why: str) -> None:
    """A sentence where a case would be played against something else than it asks for; nothing otherwise."""
    told = unfit(configuration)
    assert (why in told) if why else not told


@pytest.mark.parametrize("profile", [ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.TWO_WAY])
def test_every_switch_that_is_told_stands_in_the_file(profile: ProfileName) -> None:
    """What evidence says of the setup is what the daemon reads."""
    configuration = replace(DEFAULT, profile=profile)
    role = role_of(configuration, booted=True)
    found = options(swanctl_conf(configuration, role=role))
    told = [each.setting.split(" = ") for each in switches(configuration, "v2", role)]

    assert [(name, value) for name, value in told if found[f"connections.v2.{name}"] != value] == []
