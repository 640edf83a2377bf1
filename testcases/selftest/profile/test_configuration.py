"""Configurations: their other end, their identities, their lifetimes, and that they keep their key to themselves."""

from dataclasses import replace

import pytest

from harness.codes import IdType, ProfileName
from harness.profile import (
    DEFAULT,
    Configuration,
    Credentials,
    Identity,
    Lifetimes,
    Peer,
    Ppk,
    Selector,
    User,
)
from harness.profile.toml import read_json, show_json


def test_default_is_strict() -> None:
    """The catalogue is played against a device that is responder-only."""
    assert DEFAULT.profile is ProfileName.STRICT


def test_mirroring_twice_gives_the_same() -> None:
    """The other end of the other end is this end."""
    configuration = replace(DEFAULT, second_selector=Selector("10.1.0.0/16", "10.2.0.0/16"))

    assert configuration.mirrored().mirrored() == configuration


def test_mirror_exchanges_the_ends() -> None:
    """Identities, addresses and subnets change sides."""
    mirror = DEFAULT.mirrored()

    assert (mirror.local_id, mirror.remote_id) == (DEFAULT.remote_id, DEFAULT.local_id)
    assert (mirror.local_address, mirror.peer) == (DEFAULT.peer, DEFAULT.local_address)
    assert (mirror.local_subnets, mirror.remote_subnets) == (DEFAULT.remote_subnets, DEFAULT.local_subnets)


def test_mirror_of_any_peer_has_an_identity() -> None:
    """Where anybody may come, the one who comes is called by an address."""
    mirror = replace(DEFAULT, remote_id=None, peer=None).mirrored()

    assert mirror.local_id == Identity("ipv4", "192.0.2.2")


def test_an_identity_is_the_same_however_it_is_written() -> None:
    """Two peers of one IPv6 address are twins, in whatever form it stands (RFC 5952)."""
    one, same = (
        Peer(Identity("ipv6", text), None, b"a key of its own") for text in ("2001:DB8::1", "2001:db8:0::1")
    )

    with pytest.raises(ValueError, match="an identity tells peers apart"):
        replace(DEFAULT, further_peers=(one, same))


def test_no_more_subnets_are_configured_than_a_payload_holds() -> None:
    """A TS payload counts its selectors in one octet (RFC 7296 section 3.13)."""
    with pytest.raises(ValueError, match="255 subnets at most"):
        replace(DEFAULT, local_subnets=("10.0.0.0/8",) * 256)


def test_repr_hides_the_key() -> None:
    """A configuration that is printed by accident tells no key."""
    configuration = replace(DEFAULT, psk=b"nobody-reads-this")

    assert "nobody-reads-this" not in repr(configuration)


@pytest.mark.parametrize(
    ("identity", "id_type", "data"),
    [
        (Identity("ipv4", "192.0.2.7"), IdType.ID_IPV4_ADDR, bytes([192, 0, 2, 7])),
        (Identity("ipv6", "2001:db8::1"), IdType.ID_IPV6_ADDR, bytes.fromhex("20010db8" + "00" * 11 + "01")),
        (Identity("fqdn", "hub.example"), IdType.ID_FQDN, b"hub.example"),
        (Identity("user_fqdn", "a@example"), IdType.ID_RFC822_ADDR, b"a@example"),
        (Identity("dn", "CN=hub"), IdType.ID_DER_ASN1_DN, bytes.fromhex("300e310c300a06035504030c03687562")),
        (Identity("key_id", "clients"), IdType.ID_KEY_ID, b"clients"),
    ],
)
def test_identity_has_type_and_data(identity: Identity, id_type: int, data: bytes) -> None:
    """An identity gives the ID Type and the octets of an Identification payload."""
    assert (identity.id_type, identity.data) == (id_type, data)


def test_identity_of_unknown_kind_is_refused() -> None:
    """A kind that nobody knows is named with those that exist."""
    with pytest.raises(ValueError, match="no identity is of kind 'nickname'; the kinds are ipv4, ipv6"):
        Identity("nickname", "hub")


def test_name_that_is_none_is_refused() -> None:
    """A distinguished name is written in the form of RFC 4514."""
    with pytest.raises(ValueError, match="'hub' is no distinguished name"):
        Identity("dn", "hub")


def test_address_identity_is_an_address() -> None:
    """An IPv6 address is no identity of kind ipv4."""
    with pytest.raises(ValueError, match="is no ipv4 address"):
        Identity("ipv4", "2001:db8::1")


def test_hard_lifetime_brings_its_soft_one_along() -> None:
    """A shorter hard limit moves the soft limit before it."""
    lifetimes = DEFAULT.with_lifetimes(child_hard=10).lifetimes

    assert (lifetimes.child_soft, lifetimes.child_hard) == (9.0, 10)


def test_soft_lifetime_that_is_given_stays() -> None:
    """Whoever says both limits gets both."""
    lifetimes = DEFAULT.with_lifetimes(ike_soft=None, ike_hard=20.0).lifetimes

    assert (lifetimes.ike_soft, lifetimes.ike_hard) == (None, 20.0)


def test_lifetime_of_nothing_is_refused() -> None:
    """Zero seconds are no lifetime."""
    with pytest.raises(ValueError, match="a lifetime is positive and ends; child_hard is 0"):
        Lifetimes(child_hard=0)


def test_unknown_version_is_refused() -> None:
    """IKE has two versions."""
    with pytest.raises(ValueError, match="the versions of IKE are 1 and 2"):
        Configuration(versions=(3,))


def test_unreadable_subnet_is_refused() -> None:
    """A subnet is in CIDR form."""
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        Configuration(local_subnets=("everything",))


CERTIFIED = replace(
    DEFAULT,
    local_auth="signature",
    remote_auth="eap",
    credentials=Credentials((b"ours",), b"nobody-reads-this", (b"authority",)),
    peer_credentials=Credentials(anchors=(b"authority",)),
    users=(User("alice", "nobody-reads-this"),),
    ppk=Ppk(b"shared", b"nobody-reads-this"),
)


def test_mirror_exchanges_how_the_ends_prove_themselves() -> None:
    """The other end shows what this one asks for, with the credentials that are its own."""
    mirror = CERTIFIED.mirrored()

    assert (mirror.local_auth, mirror.remote_auth) == ("eap", "signature")
    assert (mirror.credentials, mirror.peer_credentials) == (
        CERTIFIED.peer_credentials,
        CERTIFIED.credentials,
    )


def test_repr_hides_private_keys_and_passwords() -> None:
    """A configuration that is printed by accident tells no private key, no password and no post-quantum key."""
    assert "nobody-reads-this" not in repr(CERTIFIED)


def test_proofs_survive_the_way_to_another_process() -> None:
    """Certificates, users and keys are the same after they travelled as plain data."""
    assert read_json(show_json(CERTIFIED)) == CERTIFIED


def test_unknown_proof_is_refused() -> None:
    """A way to prove oneself that nobody knows is named with those that exist."""
    with pytest.raises(ValueError, match="an end proves itself by psk, signature, eap, null, not by 'trust'"):
        Configuration(remote_auth="trust")


def test_signer_without_key_is_refused() -> None:
    """A device can't be told to sign with nothing."""
    with pytest.raises(ValueError, match="who signs needs credentials with a key"):
        Configuration(local_auth="signature")
