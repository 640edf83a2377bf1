"""What a device is configured to be, and what its profile lets it start by itself."""

from harness.profile.configuration import (
    DEFAULT,
    ChildProposal,
    Configuration,
    Dpd,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
    Selector,
)
from harness.profile.profiles import PROFILES, Profile, Start, profile

__all__ = [
    "DEFAULT",
    "PROFILES",
    "ChildProposal",
    "Configuration",
    "Dpd",
    "Identity",
    "IkeProposal",
    "IsakmpPolicy",
    "Lifetimes",
    "Profile",
    "Selector",
    "Start",
    "profile",
]
