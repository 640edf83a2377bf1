"""Sections of an IOS text into one Configuration; names without a definition get their documented defaults."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from harness.codes import Group, ProfileName
from harness.profile.configuration import (
    DEFAULT,
    SOFT_SHARE,
    Configuration,
    Dpd,
    Lifetimes,
    Peer,
)
from harness.profile.ios import extras
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.device import device, proof
from harness.profile.ios.ends import Client, clients, local_ends
from harness.profile.ios.lines import Refused
from harness.profile.ios.suites import child_proposals, transport
from harness.profile.ios.tunnels import Tunnel, tunnels
from harness.record import printable


def resolve(text: Text, wanted: str | None) -> Configuration:
    """The device with the peers of all its tunnels that the sections describe."""
    whole = device(text)
    met: list[tuple[Configuration, Tunnel]] = []
    for tunnel in tunnels(text, wanted):
        met += ((view, tunnel) for view in _views(text, tunnel, whole))
    (first, tunnel), *others = _once(text, met)
    versions = tuple(dict.fromkeys(version for view, _ in met for version in view.versions))
    configuration = replace(first, versions=versions)
    for view, other in others:
        configuration = _joined(configuration, view, other)
    if not text.of_kind("isakmp-policy") and not text.of_kind("ikev2-proposal"):
        text.warn(tunnel.profile.line, "no ISAKMP policy and no IKEv2 proposal: the default suites are taken")
    configuration = extras.apply(configuration, text.extras)
    _refuse_two_minds(text, tunnel.profile, configuration)
    return configuration


def _views(text: Text, tunnel: Tunnel, whole: Configuration) -> list[Configuration]:
    """The device as each peer of one tunnel meets it."""
    profile, interface = tunnel.profile, tunnel.interface
    _refuse_contradictions(text, profile, interface)
    isakmp = _referenced(text, profile, "isakmp-profile")
    ikev2 = _referenced(text, profile, "ikev2-profile")
    profiles = [each for each in (isakmp, ikev2) if each]
    common = replace(
        whole,
        profile=ProfileName.STRICT if profile.get("responder-only") else ProfileName.TWO_WAY,
        versions=_versions(text, profile),
        initiate_version=2 if "ikev2-profile" in profile.said else 1,
        initiate_mode="aggressive" if _aggressive(isakmp) else "main",
        child_proposals=child_proposals(text, profile),
        pfs_group=None if "pfs" not in profile.said else Group(profile.get("pfs")),
        lifetimes=_lifetimes(text, profile, ikev2),
        dpd=_dpd(text, isakmp, ikev2),
        children=replace(whole.children, transport=transport(text, profile)),
        local_auth=proof(text, ikev2, "local", whole),
        remote_auth=proof(text, ikev2, "remote", whole),
        **local_ends(text, interface, profiles),
    )
    _remark_silence(text, profile, isakmp, ikev2)
    whom = clients(text, interface, isakmp, ikev2)
    if profiles:
        _remark_keys(text, tunnel, whom)
    return [_met_by(common, client) for client in whom]


def _met_by(common: Configuration, client: Client) -> Configuration:
    key = client.key
    return replace(
        common,
        remote_id=client.identity,
        peer=client.address,
        psk=key.octets if key else DEFAULT.psk,
        ppk=key.ppk if key else None,
    )


def _once(text: Text, met: Sequence[tuple[Configuration, Tunnel]]) -> list[tuple[Configuration, Tunnel]]:
    """Without those who have a tunnel of their own, or an earlier one, among whom a dynamic tunnel would let in."""
    own = {view.remote_id for view, tunnel in met if not tunnel.dynamic}
    kept = []
    for view, tunnel in met:
        if tunnel.dynamic and view.remote_id is not None and view.remote_id in own:
            text.warn(tunnel.line, f"{printable(str(view.remote_id))} is the peer of another tunnel")
            continue
        own |= {view.remote_id}
        kept.append((view, tunnel))
    return kept


def _remark_keys(text: Text, tunnel: Tunnel, whom: Sequence[Client]) -> None:
    for client in whom:
        if client.key is None and all(line.words[0] != "psk" for line in text.extras):
            name = printable(str(client.identity or client.address or "any peer"))
            text.warn(tunnel.line, f"no key is configured for {name}: the default key is taken")


def _joined(configuration: Configuration, view: Configuration, tunnel: Tunnel) -> Configuration:
    """The configuration with one more peer, as this view of the device has it."""
    own: dict[str, Any] = {each.name: getattr(view, each.name) for each in fields(Peer)}
    for name in ("local_id", "local_address"):  # said only where it is another than the device's
        if own[name] == getattr(configuration, name):
            own[name] = None
    try:
        return replace(configuration, further_peers=(*configuration.further_peers, Peer(**own)))
    except ValueError as why:
        raise Refused(tunnel.line, str(why)) from None


def _refuse_contradictions(text: Text, profile: Section, tunnel: Section | None) -> None:
    """What starts something by itself, or can't be responder-only, beside `responder-only`."""
    if not profile.get("responder-only"):
        return
    for client in text.of_kind("flexvpn client"):
        if tunnel and client.get("connects") == tunnel.name:
            raise Refused(
                client.line_of("connects"),
                "a FlexVPN client connects by itself, which `responder-only` on line "
                f"{profile.line_of('responder-only')} forbids",
            )
    if text.top.get("invalid-spi-recovery"):
        raise Refused(
            text.top.line_of("invalid-spi-recovery"),
            "`crypto isakmp invalid-spi-recovery` starts IKE SAs by itself, which `responder-only` on line "
            f"{profile.line_of('responder-only')} forbids",
        )
    if tunnel and "crypto map" in tunnel.said:
        raise Refused(
            tunnel.line_of("crypto map"),
            "a crypto map stands on a tunnel whose IPsec profile is responder-only; crypto maps don't support it",
        )
    for each in [*text.of_kind("crypto map"), *text.of_kind("dynamic crypto map")]:
        words: Sequence[str] = each.get("words", ())
        if "profile" in words[2:] and words[-1] == profile.name:
            raise Refused(
                each.line, "a crypto map uses an IPsec profile that is responder-only; they don't support it"
            )


def _refuse_two_minds(text: Text, profile: Section, configuration: Configuration) -> None:
    """`responder-only` and a comment that names another profile can't both be meant."""
    said = next((line for line in text.extras if line.words[0] == "profile"), None)
    if said is None or not profile.line or "responder-only" not in profile.said:
        return
    if (configuration.profile is ProfileName.STRICT) != profile.get("responder-only"):
        said.refuse(
            f"profile {configuration.profile} contradicts line {profile.line_of('responder-only')} about responder-only"
        )


def _referenced(text: Text, profile: Section, kind: str) -> Section | None:
    name = profile.get(kind)
    found = text.find(kind, name) if name is not None else None
    if name is not None and found is None:
        words = {"isakmp-profile": "ISAKMP profile", "ikev2-profile": "IKEv2 profile"}[kind]
        default = "both versions of IKE" if kind == "isakmp-profile" else "version 2"
        text.warn(
            profile.line_of(kind),
            f"{words} `{printable(name)}` is not defined here: the default identities, keys and {default} are taken",
        )
    return found


def _versions(text: Text, profile: Section) -> tuple[int, ...]:
    """An ISAKMP profile that is defined means version 1, an IKEv2 profile version 2; otherwise both are spoken."""
    one, two = "isakmp-profile" in profile.said, "ikev2-profile" in profile.said
    if two:
        return (1, 2) if one else (2,)
    if profile.kind != "ipsec-profile" or (
        one and text.find("isakmp-profile", profile.get("isakmp-profile"))
    ):
        return (1,)
    return DEFAULT.versions


def _aggressive(isakmp: Section | None) -> bool:
    return bool(isakmp and isakmp.get("initiate mode aggressive"))


def _remark_silence(text: Text, profile: Section, isakmp: Section | None, ikev2: Section | None) -> None:
    """What a responder-only device is told in vain, or will have its peer see to."""
    if not profile.get("responder-only"):
        return
    if isakmp and _aggressive(isakmp):
        text.warn(isakmp.line_of("initiate mode aggressive"), "a responder-only device initiates in no mode")
    for section, what in ((profile, "seconds"), (profile, "kilobytes"), (ikev2, "lifetime")):
        if section and section.get(what):
            text.warn(
                section.line_of(what),
                "a responder-only device doesn't rekey: where its peer's lifetime is longer, the tunnel ends here",
            )


def _lifetimes(text: Text, profile: Section, ikev2: Section | None) -> Lifetimes:
    usual = DEFAULT.lifetimes
    seconds = _said(profile, text.top, "seconds", usual.child_hard)
    hard = ikev2.get("lifetime") if ikev2 else None
    if hard is None:
        hard = usual.ike_hard
    idle = _said(profile, text.top, "idle-time", None)
    return replace(
        usual,
        ike_hard=_float(hard),
        ike_soft=_soft(hard),
        child_hard=_float(seconds),
        child_soft=_soft(seconds),
        child_kilobytes=_said(profile, text.top, "kilobytes", usual.child_kilobytes),
        idle=_float(idle),
    )


def _said(profile: Section, top: Section, what: str, otherwise: Any) -> Any:
    for section in (profile, top):
        if what in section.said:
            value = section.get(what)
            if value == 0:
                raise Refused(
                    section.line_of(what), "a lifetime of 0 is none; `disable` is the word for no limit"
                )
            return value
    return otherwise


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _soft(hard: float | None) -> float | None:
    return None if hard is None else hard * SOFT_SHARE


def _dpd(text: Text, isakmp: Section | None, ikev2: Section | None) -> Dpd | None:
    said = ikev2.get("dpd") if ikev2 else None
    said = said or (isakmp.get("keepalive") if isakmp else None)
    said = said or text.top.get("keepalive") or text.top.get("dpd")
    return Dpd(float(said[0]), float(said[1])) if said else None
