"""The four profiles: what a device may start by itself; answering is never restricted."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from harness.codes import ProfileName


class Start(StrEnum):
    """What a device can begin without having been asked."""

    IKE_SA = "ike-sa"
    """An IKE_SA_INIT, a Main Mode or an Aggressive Mode towards a peer."""
    FIRST_CHILD = "first-child"
    """A new Child SA or a Quick Mode on an IKE SA that stands."""
    CHILD_REKEY = "child-rekey"
    """A successor of a Child SA, or a Quick Mode that renews an IPsec SA."""
    IKE_REKEY = "ike-rekey"
    """A successor of an IKE SA by CREATE_CHILD_SA (RFC 7296 section 1.3.2)."""
    PHASE1_RENEWAL = "phase1-renewal"
    """A Main or Aggressive Mode that replaces an ISAKMP SA near its end: on the wire an initiation."""
    REAUTH = "reauth"
    """An IKE_SA_INIT that replaces an IKE SA (RFC 7296 section 2.8.3)."""
    RECREATE = "recreate"
    """Whatever stood, again, after a Delete, a loss or its hard limit."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A name and the things that a device of this profile may start by itself."""

    name: ProfileName
    may: frozenset[Start]


def _profile(name: ProfileName, *may: Start) -> Profile:
    return Profile(name, frozenset(may))


PROFILES: Mapping[ProfileName, Profile] = MappingProxyType(
    {
        each.name: each
        for each in (
            _profile(ProfileName.STRICT),
            _profile(ProfileName.REKEY_OK, Start.CHILD_REKEY, Start.IKE_REKEY),
            _profile(ProfileName.P1_ONLY, Start.FIRST_CHILD, Start.CHILD_REKEY, Start.IKE_REKEY),
            _profile(ProfileName.TWO_WAY, *Start),
        )
    }
)
"""STRICT is the feature's own meaning; under REKEY_OK and P1_ONLY a rekey continues what a peer began."""


def profile(name: str) -> Profile:
    """The profile of that name; ValueError with one sentence if there is none."""
    try:
        return PROFILES[ProfileName(name)]
    except ValueError:
        known = ", ".join(ProfileName)
        raise ValueError(f"no profile is called {name!r}; the profiles are {known}") from None
