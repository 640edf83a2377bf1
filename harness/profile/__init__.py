"""What a device is configured to be, and what its profile lets it start by itself."""

from harness.profile.child_policy import ChildPolicy
from harness.profile.cluster import Cluster
from harness.profile.configuration import (
    DEFAULT,
    MOST_SELECTORS,
    ChildProposal,
    Configuration,
    Dpd,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
    Peer,
    Selector,
)
from harness.profile.credentials import Credentials, EapMethod, Ppk, Proof, User
from harness.profile.defence import Defence, Puzzles
from harness.profile.exchanges import Exchanges, Fragments, Retransmission
from harness.profile.extensions import AddressPool, CrashDetection, Mobility, Redirect, Tickets
from harness.profile.packets import Packets
from harness.profile.profiles import PROFILES, Profile, Start, profile
from harness.profile.version1 import Fragmentation, ModeConfig, Version1, Xauth

__all__ = [
    "DEFAULT",
    "MOST_SELECTORS",
    "PROFILES",
    "AddressPool",
    "ChildPolicy",
    "ChildProposal",
    "Cluster",
    "Configuration",
    "CrashDetection",
    "Credentials",
    "Defence",
    "Dpd",
    "EapMethod",
    "Exchanges",
    "Fragmentation",
    "Fragments",
    "Identity",
    "IkeProposal",
    "IsakmpPolicy",
    "Lifetimes",
    "Mobility",
    "ModeConfig",
    "Packets",
    "Peer",
    "Ppk",
    "Profile",
    "Proof",
    "Puzzles",
    "Redirect",
    "Retransmission",
    "Selector",
    "Start",
    "Tickets",
    "User",
    "Version1",
    "Xauth",
    "profile",
]
