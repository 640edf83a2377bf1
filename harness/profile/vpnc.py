"""Prints a Configuration as the file of vpnc, a client of IKEv1's Aggressive Mode with XAUTH and Mode-Config."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from harness.codes import Group, HashV1
from harness.profile.configuration import Configuration

_GROUPS: Mapping[int, str] = {
    group: f"dh{int(group)}"
    for group in (
        *(Group.MODP_768, Group.MODP_1024, Group.MODP_1536, Group.MODP_2048, Group.MODP_3072),
        *(Group.MODP_4096, Group.MODP_6144, Group.MODP_8192),
    )
}


def vpnc_conf(
    configuration: Configuration,
    *,
    further: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str:
    """The file of a vpnc that is `configuration`; its group is a key identity, its user the first one.

    It offers every cipher that it has, with SHA-1 and MD5. `further` has lines for `client`.
    ValueError if it has no word for something.
    """
    who = configuration.local_id
    if who.kind != "key_id":
        raise ValueError("vpnc is known by the name of a group, a key identity, alone")
    user = configuration.users[0]
    lines = [
        f"IPSec gateway {configuration.peer}",
        f"IPSec ID {_word(who.value)}",
        f"IPSec secret {_word(configuration.psk.decode('ascii', 'replace'))}",
        f"Xauth username {_word(user.name)}",
        f"Xauth password {_word(user.password)}",
        f"IKE DH Group {_group(configuration)}",
        f"Perfect Forward Secrecy {_secrecy(configuration.pfs_group)}",
        f"Local Addr {configuration.local_address}",
        "DPD idle timeout (our side) 0",
        "No Detach",
        *further.get("client", ()),
    ]
    return "".join(f"{line}\n" for line in lines)


def _group(configuration: Configuration) -> str:
    """The group of the first policy that it can offer."""
    for policy in configuration.proposals_v1:
        if policy.hash in (HashV1.MD5, HashV1.SHA1) and policy.group in _GROUPS:
            return _GROUPS[policy.group]
    raise ValueError("vpnc has no words for any policy of phase 1")


def _secrecy(group: int | None) -> str:
    if group is not None and group not in _GROUPS:
        raise ValueError(f"vpnc has no words for perfect forward secrecy by group {int(group)}")
    return "nopfs" if group is None else _GROUPS[group]


def _word(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("vpnc has no words for names and secrets that are not of printable characters")
    return text
