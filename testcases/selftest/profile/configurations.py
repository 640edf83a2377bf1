"""Configurations as a property test wants them: any that can be made, also those that no device could play."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from harness.codes import AuthMethodV1, Encr, EncrV1, Esn, Group, HashV1, Integ, Prf, ProfileName, Protocol
from harness.profile import (
    AddressPool,
    ChildPolicy,
    ChildProposal,
    Configuration,
    CrashDetection,
    Dpd,
    Exchanges,
    Fragments,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
    Mobility,
    ModeConfig,
    Packets,
    Peer,
    Ppk,
    Redirect,
    Selector,
    Tickets,
    User,
    Version1,
    Xauth,
)

seconds = st.one_of(
    st.integers(1, 10**6).map(float), st.floats(min_value=0.001, max_value=1e15, allow_nan=False)
)
bits = st.sampled_from([None, 128, 192, 256])
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
v4 = st.ip_addresses(v=4).map(str)
addresses = st.ip_addresses().map(str)
identities = st.one_of(
    v4.map(lambda a: Identity("ipv4", a)),
    st.ip_addresses(v=6).map(lambda a: Identity("ipv6", str(a))),
    st.builds(Identity, st.sampled_from(["fqdn", "user_fqdn", "key_id"]), texts),
    st.builds(Identity, st.just("dn"), st.sampled_from(["CN=hub", "CN=hub of all,O=Example"])),
    st.builds(
        Identity, st.sampled_from(["fqdn", "user_fqdn", "key_id"]), st.sampled_from(["a.example", "domain"])
    ),
)


def subnet(address: object, length: int) -> str:
    """A subnet of that address, its host bits cleared."""
    return str(ip_network((address, length), strict=False))


subnets = st.one_of(
    st.builds(subnet, st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds(subnet, st.ip_addresses(v=6), st.integers(0, 128)),
)
several_subnets = st.lists(subnets, max_size=3).map(tuple)
group = st.sampled_from([*Group, Group(4711)])
additional = st.lists(group.filter(bool), max_size=7, unique=True).map(tuple)

child_proposals = st.lists(
    st.builds(
        ChildProposal,
        st.sampled_from([Protocol.AH, Protocol.ESP]),
        st.sampled_from([Encr(0), *Encr]),
        bits,
        st.sampled_from(Integ),
        st.sampled_from(Esn),
        additional,
    ),
    max_size=3,
).map(tuple)
lifetimes = st.builds(
    Lifetimes,
    ike_soft=st.none() | seconds,
    ike_hard=st.none() | seconds,
    child_soft=st.none() | seconds,
    child_hard=st.none() | seconds,
    child_kilobytes=st.none() | st.integers(1, 10**12),
    half_open=seconds,
    idle=st.none() | seconds,
)
of_a_peer: dict[str, Any] = {
    "profile": st.sampled_from(ProfileName),
    "initiate_version": st.sampled_from([1, 2]),
    "initiate_mode": st.sampled_from(["main", "aggressive"]),
    "child_proposals": child_proposals,
    "pfs_group": st.none() | group,
    "remote_id": st.none() | identities,
    "psk": st.binary(max_size=40) | st.from_regex(rb"[!-~]{1,40}", fullmatch=True),
    "peer": st.none() | addresses,
    "local_subnets": several_subnets,
    "remote_subnets": several_subnets,
    "second_selector": st.none() | st.builds(Selector, subnets, subnets),
    "lifetimes": lifetimes,
    "dpd": st.none() | st.builds(Dpd, seconds, seconds, st.integers(1, 99)),
}
peers = st.builds(Peer, **of_a_peer, local_id=st.none() | identities, local_address=st.none() | addresses)

configurations = st.builds(
    Configuration,
    **of_a_peer,
    versions=st.sampled_from([(1,), (2,), (1, 2), (2, 1)]),
    aggressive=st.booleans(),
    proposals_v2=st.lists(
        st.builds(
            IkeProposal,
            st.sampled_from([*Encr, Encr(999)]),
            bits,
            st.sampled_from(Integ),
            st.sampled_from(Prf),
            group,
            additional,
        ),
        max_size=3,
    ).map(tuple),
    proposals_v1=st.lists(
        st.builds(
            IsakmpPolicy,
            st.sampled_from(EncrV1),
            bits,
            st.sampled_from(HashV1),
            st.sampled_from(AuthMethodV1),
            group,
            st.integers(-1, 2**40),
        ),
        max_size=3,
    ).map(tuple),
    local_id=identities,
    local_address=addresses,
    cookie_threshold=st.none() | st.integers(-1, 10**12),
)
"""A device and one peer, without what gateways of remote clients have besides."""


def with_peers(configuration: Configuration, further: list[Peer]) -> Configuration:
    """A device with those of the further peers that are nobody whom it knows already."""
    known = {configuration.remote_id}
    new = []
    for each in further:
        if each.remote_id not in known:
            known.add(each.remote_id)
            new.append(each)
    return replace(configuration, further_peers=tuple(new))


hubs = st.builds(with_peers, configurations, st.lists(peers, max_size=3))
"""A device and several peers."""

secrets_of_32 = st.binary(min_size=32, max_size=32)
gateways = st.builds(
    replace,
    hubs,
    users=st.lists(st.builds(User, texts, texts), max_size=2).map(tuple),
    ppk=st.none() | st.builds(Ppk, st.binary(min_size=1, max_size=8), secrets_of_32, st.booleans()),
    pool=st.none()
    | st.builds(AddressPool, subnets, st.lists(addresses, max_size=2).map(tuple), st.booleans()),
    redirect=st.none() | st.builds(Redirect, st.just("fqdn"), texts),
    mobility=st.none() | st.builds(Mobility, st.lists(addresses, max_size=2).map(tuple), st.booleans()),
    tickets=st.none() | st.builds(Tickets, secrets_of_32),
    crash_detection=st.none()
    | st.builds(CrashDetection, st.lists(secrets_of_32, min_size=1, max_size=4).map(tuple)),
    exchanges=st.builds(Exchanges, st.integers(1, 99), st.booleans()),
    version1=st.builds(
        Version1,
        st.none() | st.builds(Xauth, st.sampled_from(["generic", "chap"])),
        st.builds(ModeConfig, banner=st.none() | texts | st.just("none"), domain=st.none() | texts),
    ),
    packets=st.builds(
        Packets, replay_window=st.integers(32, 1024), nat_keepalive=st.none() | seconds | st.just(30.0)
    ),
    fragments=st.none() | st.builds(Fragments, st.integers(160, 9000)),
    children=st.builds(ChildPolicy, st.none() | st.integers(1, 9), st.booleans(), st.booleans()),
    remote_auth=st.sampled_from(["psk", "signature", "eap", "null"]),
    standby=st.sampled_from(["alone", "cold", "synchronised"]),
    auth_lifetime=st.none() | seconds,
    childless=st.booleans(),
)
"""A device with all that a gateway of remote clients may have."""
