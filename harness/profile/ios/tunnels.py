"""The tunnels of an IOS text: interfaces that an IPsec profile protects, and crypto maps that stand on an interface."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.profile.ios.commands import Section, Text
from harness.profile.ios.lines import Refused
from harness.record import printable


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What protects it, and the interface with its ends and its traffic; None: the text has none."""

    profile: Section
    interface: Section | None

    @property
    def dynamic(self) -> bool:
        """Whether any peer may come to it that there is a key for."""
        return not (self.interface and self.interface.get("tunnel destination"))

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.interface.line if self.interface else self.profile.line


def tunnels(text: Text, wanted: str | None) -> list[Tunnel]:
    """Every tunnel of the text, or with `wanted` those of that IPsec profile; at least one, if only by default."""
    found = [tunnel for tunnel in _protected(text) if wanted in (None, tunnel.profile.name)]
    if wanted is None:
        found += _mapped(text)
    _remark_unused(text, wanted, found)
    return found or [Tunnel(_profile_without_tunnel(text, wanted), None)]


def _protected(text: Text) -> Iterator[Tunnel]:
    for interface in text.of_kind("interface"):
        name = interface.get("tunnel protection")
        if name is None:
            continue
        line = interface.line_of("tunnel protection")
        if not interface.get("tunnel"):
            raise Refused(
                line,
                f"`{printable(interface.name)}` is no tunnel interface; only those are protected by a profile",
            )
        profile = text.find("ipsec-profile", name)
        if profile is None:
            text.warn(line, f"IPsec profile `{printable(name)}` is not defined here: the tunnel is left out")
        else:
            yield Tunnel(profile, interface)


def _mapped(text: Text) -> Iterator[Tunnel]:
    """The entries of crypto maps on interfaces: such a tunnel is two-way, since responder-only is refused there."""
    for interface in text.of_kind("interface"):
        for entry in text.of_kind("crypto map"):
            words = entry.name.split()
            if words[0] != interface.get("crypto map") or not words[1:2] or not words[1].isdecimal():
                continue
            if "dynamic" in words[2:]:
                yield from (_entry(each, interface) for each in _dynamic(text, words[-1], entry))
            elif "profile" not in words[2:]:
                yield _entry(entry, interface)


def _dynamic(text: Text, name: str, entry: Section) -> list[Section]:
    found = [each for each in text.of_kind("dynamic crypto map") if each.name.split()[0] == name]
    if not found:
        text.warn(entry.line, f"dynamic crypto map `{printable(name)}` is not defined here and left out")
    return found


def _entry(entry: Section, interface: Section) -> Tunnel:
    """A map's entry as a tunnel interface would say it."""
    ends = Section("interface", interface.name, entry.line)
    ends.said["tunnel"] = (True, entry.line)
    for theirs, ours, section in (
        ("peer", "tunnel destination", entry),
        ("match address", "tunnel policy", entry),
        ("address", "tunnel source", interface),
    ):
        if theirs in section.said:
            ends.said[ours] = section.said[theirs]
    return Tunnel(entry, ends)


def _remark_unused(text: Text, wanted: str | None, found: list[Tunnel]) -> None:
    used = {tunnel.profile.name for tunnel in found}
    known = text.of_kind("ipsec-profile")
    for profile in known:
        if profile.name not in used and profile.name != wanted and (found or profile is not known[0]):
            text.warn(
                profile.line, f"IPsec profile `{printable(profile.name)}` is not played: no tunnel uses it"
            )
    on_interfaces = {each.get("crypto map") for each in text.of_kind("interface")}
    for entry in text.of_kind("crypto map"):
        if entry.name.split()[0] not in on_interfaces:
            text.warn(entry.line, "a crypto map that stands on no interface is not played")


def _profile_without_tunnel(text: Text, wanted: str | None) -> Section:
    """The profile that is wanted, or else the first, though no tunnel has it."""
    known = text.of_kind("ipsec-profile")
    profile = text.find("ipsec-profile", wanted) if wanted is not None else next(iter(known), None)
    if wanted is not None and profile is None:
        raise Refused(0, f"no IPsec profile is called `{printable(wanted)}`")
    if profile is None:
        text.warn(0, "no `crypto ipsec profile`: the device is two-way, and defaults stand for its tunnel")
        return Section("ipsec-profile", "", 0)
    text.warn(
        profile.line,
        f"no tunnel interface is protected by IPsec profile `{printable(profile.name)}`; "
        "responder-only is relevant to virtual interfaces only",
    )
    return profile
