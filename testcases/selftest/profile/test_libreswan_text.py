"""Libreswan's files printed from a Configuration: pure text, each option where its parser wants it."""

from dataclasses import replace

import pytest

from harness.codes import AuthMethodV1, Encr, EncrV1, Esn, Group, HashV1, Integ, Prf, ProfileName, Protocol
from harness.crypto.authority import Authority
from harness.profile import DEFAULT, ChildProposal, Configuration, Dpd, Identity, IkeProposal, Lifetimes
from harness.profile.child_policy import ChildPolicy
from harness.profile.credentials import Credentials, Ppk, User
from harness.profile.exchanges import Fragments
from harness.profile.libreswan import identity, ipsec_conf, ipsec_secrets, switches, unfit
from harness.profile.version1 import Version1, Xauth
from harness.profile.ways import WAYS

INITIATOR = DEFAULT.mirrored()
RESPONDER = DEFAULT


def sections(text: str) -> dict[str, dict[str, str]]:
    """The options by section: `conn v2` has `ikev2` = `insist`."""
    found: dict[str, dict[str, str]] = {}
    for line in filter(None, text.splitlines()):
        if line.startswith(" "):
            name, _, value = line.strip().partition("=")
            found[list(found)[-1]][name] = value
        else:
            found[line] = {}
    return found


def printed(**changes: object) -> dict[str, dict[str, str]]:
    """What is printed for the catalogue's initiator with changes."""
    return sections(ipsec_conf(replace(INITIATOR, **changes), "/run"))


def test_each_way_is_a_connection() -> None:
    """The version, and Aggressive Mode where it is meant."""
    found = printed()

    assert [name for name in found if name.startswith("conn")] == [f"conn {way}" for way in WAYS]
    assert [found[f"conn {way}"]["ikev2"] for way in WAYS] == ["insist", "no", "no"]
    assert [found[f"conn {way}"].get("aggressive") for way in WAYS] == [None, None, "yes"]


def test_ways_that_are_not_spoken_are_not_printed() -> None:
    """A device of version 2 has one connection."""
    assert [name for name in printed(versions=(2,)) if name.startswith("conn")] == ["conn v2"]


def test_mirrored_ends_face_the_target() -> None:
    """The initiator is on the left."""
    found = printed()["conn v2"]

    assert (found["left"], found["leftid"], found["leftsubnet"]) == (
        "192.0.2.2",
        "192.0.2.2",
        "203.0.113.0/24",
    )
    assert (found["right"], found["rightid"], found["rightsubnet"]) == (
        "192.0.2.1",
        "192.0.2.1",
        "198.51.100.0/24",
    )


def test_any_peer_is_left_open() -> None:
    """A responder that knows no address and no identity takes whoever comes."""
    found = printed(peer=None, remote_id=None)["conn v2"]

    assert found["right"] == "%any"
    assert "rightid" not in found


def test_suites_of_version_2() -> None:
    """The PRF goes with the integrity, and group 2 has no word."""
    assert printed()["conn v2"]["ike"] == "aes_gcm256-sha2_256-dh31,aes256-sha2_256-dh14,aes128-sha2_256-dh19"


def test_prf_that_is_not_that_of_the_integrity_has_no_word() -> None:
    """Such a suite is left out, here the only one."""
    odd = IkeProposal(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, Prf.PRF_HMAC_SHA2_256, Group.MODP_2048)
    with pytest.raises(ValueError, match="Libreswan has no word for any suite of an IKE SA by v2"):
        printed(proposals_v2=(odd,))


def test_suites_of_version_1() -> None:
    """A policy of phase 1 is cipher, hash and group."""
    assert printed()["conn v1-main"]["ike"] == "aes128-sha2_256-dh14,aes128-sha1-dh5"


def test_aggressive_mode_has_one_group() -> None:
    """Its first message has the KE payload already, so nothing of another group can be offered."""
    first, *_ = DEFAULT.proposals_v1
    same = replace(first, encr=EncrV1.TRIPLE_DES_CBC, key_bits=None, hash=HashV1.SHA1)

    found = printed(proposals_v1=(*DEFAULT.proposals_v1, same))

    assert found["conn v1-aggressive"]["ike"] == "aes128-sha2_256-dh14,3des-sha1-dh14"


@pytest.mark.parametrize(
    ("group", "pfs", "esp"),
    [
        (None, "no", "aes_gcm256-none,aes128-sha2_256,aes128-sha1,3des-sha1"),
        (
            Group.MODP_2048,
            "yes",
            "aes_gcm256-none-dh14,aes128-sha2_256-dh14,aes128-sha1-dh14,3des-sha1-dh14",
        ),
    ],
)
def test_suites_of_children(group: int | None, pfs: str, esp: str) -> None:
    """With PFS every suite carries the group."""
    found = printed(pfs_group=group)["conn v2"]

    assert (found["pfs"], found["esp"]) == (pfs, esp)


def test_extended_sequence_numbers_are_an_option_of_their_own() -> None:
    """They are asked for if any suite has them."""
    proposal = ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA1_96, Esn.ESN)

    assert printed(child_proposals=(proposal,))["conn v2"]["esn"] == "yes"
    assert printed()["conn v2"]["esn"] == "no"


def test_nothing_happens_by_itself() -> None:
    """A strict device rekeys nothing, starts nothing and checks no liveness."""
    found = printed()["conn v2"]

    assert (found["auto"], found["rekey"]) == ("add", "no")
    assert "dpddelay" not in found


def test_rekeying_begins_at_the_soft_limit() -> None:
    """The margin before the hard limit is the smaller of the two."""
    lifetimes = Lifetimes(ike_soft=36.0, ike_hard=40.0, child_soft=12.0, child_hard=20.0)

    found = printed(profile=ProfileName.TWO_WAY, lifetimes=lifetimes)["conn v2"]

    assert (found["ikelifetime"], found["salifetime"]) == ("40s", "20s")
    assert (found["rekey"], found["rekeymargin"], found["rekeyfuzz"]) == ("yes", "4s", "0%")


def test_no_limit_is_the_longest_life() -> None:
    """It takes a day at most."""
    lifetimes = replace(DEFAULT.lifetimes, ike_soft=None, ike_hard=None)

    assert printed(lifetimes=lifetimes)["conn v2"]["ikelifetime"] == "86400s"


def test_liveness_checks_are_printed() -> None:
    """Version 1 gives up after the last of its repetitions."""
    found = printed(dpd=Dpd(10.0, retry=2.0, retries=5))["conn v1-main"]

    assert (found["dpddelay"], found["dpdtimeout"], found["dpdaction"]) == ("10s", "20s", "clear")


def test_one_subnet_an_end() -> None:
    """More are refused, not left out."""
    with pytest.raises(ValueError, match="a connection of Libreswan has one subnet an end, not 2"):
        printed(local_subnets=("10.1.0.0/16", "10.2.0.0/16"))


def test_further_lines_are_added() -> None:
    """They come last, for the daemon and for every connection."""
    text = ipsec_conf(
        INITIATOR, "/run", further={"setup": ["listen-tcp=yes"], "conn": ["fragmentation=force"]}
    )
    found = sections(text)

    assert found["config setup"]["listen-tcp"] == "yes"
    assert {found[f"conn {way}"]["fragmentation"] for way in WAYS} == {"force"}


@pytest.mark.parametrize(
    ("who", "word"),
    [
        (Identity("ipv4", "192.0.2.1"), "192.0.2.1"),
        (Identity("ipv6", "2001:db8::1"), "2001:db8::1"),
        (Identity("fqdn", "gw.example"), "@gw.example"),
        (Identity("user_fqdn", "a@example"), "a@example"),
        (Identity("key_id", "abc"), "@#616263"),
    ],
)
def test_identities(who: Identity, word: str) -> None:
    """Each kind has its look."""
    assert identity(who) == word


def test_identity_without_words_is_refused() -> None:
    """A space would end it."""
    with pytest.raises(ValueError, match="Libreswan has no words for the identity"):
        identity(Identity("fqdn", "two words"))


def test_secret_is_written_as_octets() -> None:
    """No quoting can go wrong."""
    assert ipsec_secrets(replace(INITIATOR, psk=b'"\n')) == "192.0.2.2 192.0.2.1 : PSK 0x220a\n"
    assert ipsec_secrets(replace(INITIATOR, remote_id=None)).startswith("192.0.2.2 %any : PSK 0x")


def test_configuration_is_never_a_secret() -> None:
    """The key stands in the other file alone."""
    configuration: Configuration = INITIATOR

    assert configuration.psk.hex() not in ipsec_conf(configuration, "/run")


USER = User("carol@example.org", 'so "secret"')


@pytest.mark.parametrize(("kind", "word"), [("p256", "ecdsa"), (None, "rsasig")])
def test_signing_end_names_its_certificate(kind: str | None, word: str) -> None:
    """Its kind is told by the certificate; who only verifies has none to name."""
    chain, key = ((), b"")
    if kind is not None:
        certificate, key = Authority("above").issue("end", kind="p256")
        chain = (certificate,)
    found = printed(
        local_auth="signature", remote_auth="signature", credentials=Credentials(chain, key or b"key", ())
    )

    assert found["conn v2"]["authby"] == word
    assert found["conn v2"].get("leftcert") == ("local" if kind else None)


def test_ends_that_prove_nothing_are_nobody() -> None:
    """NULL authentication has its own identity (RFC 7619)."""
    found = printed(local_auth="null", remote_auth="null")["conn v2"]

    assert (found["authby"], found["leftid"], found["rightid"]) == ("null", "%null", "%null")


@pytest.mark.parametrize(("local", "remote"), [("psk", "null"), ("eap", "psk")])
def test_ends_that_prove_themselves_differently_are_refused(local: str, remote: str) -> None:
    """There is one word for both."""
    with pytest.raises(ValueError, match="Libreswan has no words for ends that prove themselves by"):
        printed(local_auth=local, remote_auth=remote)


@pytest.mark.parametrize(("mandatory", "word"), [(True, "insist"), (False, "propose")])
def test_post_quantum_key_is_of_version_2(mandatory: bool, word: str) -> None:
    """Its octets stand among the secrets."""
    ppk = Ppk(b"ppk-1", b"\1\2", mandatory)

    found = printed(ppk=ppk)

    assert found["conn v2"]["ppk"] == word
    assert "ppk" not in found["conn v1-main"]
    assert '192.0.2.2 192.0.2.1 : PPKS "ppk-1" 0x0102\n' in ipsec_secrets(replace(INITIATOR, ppk=ppk))


@pytest.mark.parametrize(
    ("xauth", "lines"),
    [
        (None, {"leftxauthclient": "yes", "rightxauthserver": "yes", "leftusername": USER.name}),
        (Xauth(), {"leftxauthserver": "yes", "rightxauthclient": "yes"}),
    ],
)
def test_extended_authentication_is_of_version_1(xauth: Xauth | None, lines: dict[str, str]) -> None:
    """Of the client, or of the gateway that asks for it; the password stands among the secrets."""
    asked = replace(
        INITIATOR,
        proposals_v1=tuple(
            replace(each, auth=AuthMethodV1.XAUTH_INIT_PRE_SHARED) for each in DEFAULT.proposals_v1
        ),
        users=(USER,),
        version1=Version1(xauth=xauth),
    )
    found = sections(ipsec_conf(asked, "/run"))

    assert found["conn v1-main"] == found["conn v1-main"] | {"authby": "secret"} | lines
    assert not lines.keys() & found["conn v2"].keys()
    assert f"@{USER.name} : XAUTH 0x{USER.password.encode().hex()}\n" in ipsec_secrets(asked)


def test_end_without_subnets_is_its_address() -> None:
    """Then the option is left away."""
    assert "leftsubnet" not in printed(local_subnets=())["conn v2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"ppk": Ppk(b'a"b', b"\1")},
        {"users": (User("two words", "x"),)},
    ],
)
def test_secret_of_what_can_not_be_named_is_refused(changes: dict[str, object]) -> None:
    """A quote or a space would end the name."""
    with pytest.raises(ValueError, match="Libreswan has no words for the"):
        ipsec_secrets(replace(INITIATOR, **changes))


def test_transport_mode_has_no_subnets() -> None:
    """It is for the ends alone."""
    found = printed(children=ChildPolicy(transport=True))["conn v2"]

    assert found["type"] == "transport"
    assert not {"leftsubnet", "rightsubnet"} & found.keys()


def served(**changes: object) -> dict[str, dict[str, str]]:
    """What is printed for the catalogue's responder with changes."""
    return sections(ipsec_conf(replace(RESPONDER, **changes), "/run", serves=True))


@pytest.mark.parametrize("profile", [ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.P1_ONLY])
def test_responder_that_calls_nobody_knows_no_address(profile: ProfileName) -> None:
    """So it keeps no trap for traffic either; who a peer must be is said by its identity."""
    found = served(profile=profile)["conn v2"]

    assert (found["right"], found["rightid"], found["auto"]) == ("%any", "192.0.2.2", "add")
    assert (found["narrowing"], found["intermediate"]) == ("yes", "yes")


def test_two_way_responder_revives_and_starts_at_its_boot() -> None:
    """It is the positive control: it has an address to call, and calls by the way that it starts in."""
    two_way = replace(RESPONDER, profile=ProfileName.TWO_WAY, initiate_version=1)
    booted = sections(ipsec_conf(two_way, "/run", serves=True, boots=True))

    assert [booted[f"conn {way}"]["auto"] for way in WAYS] == ["keep", "start", "keep"]
    assert booted["conn v2"]["right"] == "192.0.2.2"
    assert served(profile=ProfileName.TWO_WAY)["conn v2"]["auto"] == "keep"


@pytest.mark.parametrize(
    ("profile", "rekeys"),
    [
        (ProfileName.STRICT, ("no", "no")),
        (ProfileName.REKEY_OK, ("yes", "no")),
        (ProfileName.TWO_WAY, ("yes", "yes")),
    ],
)
def test_version_1_renews_only_where_it_may_initiate(profile: ProfileName, rekeys: tuple[str, str]) -> None:
    """One word renews phase 1 as well, by another Main Mode."""
    found = served(profile=profile)

    assert (found["conn v2"]["rekey"], found["conn v1-main"]["rekey"]) == rekeys


@pytest.mark.parametrize(
    ("threshold", "lines"),
    [
        (None, {"ddos-mode": "unlimited"}),
        (0, {"ddos-mode": "busy"}),
        (3, {"ddos-mode": "auto", "ddos-ike-threshold": "3"}),
    ],
)
def test_cookies(threshold: int | None, lines: dict[str, str]) -> None:
    """They are demanded never, always, or above a number of half-open SAs."""
    found = served(cookie_threshold=threshold)["config setup"]

    assert found == found | lines


@pytest.mark.parametrize("profile", list(ProfileName))
def test_switches_are_what_is_printed(profile: ProfileName) -> None:
    """Each setting that is told with its reason stands in the file as it is told."""
    told = switches(replace(RESPONDER, profile=profile), "v2")
    printed_lines = ipsec_conf(replace(RESPONDER, profile=profile), "/run", ways=("v2",)).splitlines()

    assert {f"    {each.setting}" for each in told} <= set(printed_lines)
    assert all(each.why for each in told)


def test_secrets_of_a_responder_are_for_whoever_comes() -> None:
    """In Main Mode a peer's address alone tells whose key is meant."""
    assert ipsec_secrets(RESPONDER, serves=True).startswith("192.0.2.1 %any : PSK 0x")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fragments": Fragments(size=600)}, "no word for the size of fragments"),
        (
            {"initiate_version": 1, "lifetimes": Lifetimes(ike_soft=4.0, ike_hard=6.0)},
            "no word for lifetimes.ike_hard of version 1: it takes what its peer offers",
        ),
        ({"local_auth": "psk", "remote_auth": "eap"}, "no words for ends that prove themselves by"),
        ({}, ""),
    ],
)
def test_unfit_configuration_is_told(changes: dict[str, object], why: str) -> None:
    """What has no words is named before anything is started."""
    assert why in unfit(replace(RESPONDER, **changes))
    assert bool(why) == bool(unfit(replace(RESPONDER, **changes)))
