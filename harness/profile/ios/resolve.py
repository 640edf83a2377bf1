"""Sections of an IOS text into one Configuration; names without a definition get their documented defaults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.codes import Group, ProfileName
from harness.profile.configuration import (
    DEFAULT,
    SOFT_SHARE,
    Configuration,
    Dpd,
    Lifetimes,
)
from harness.profile.ios import extras
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.ends import ends, shared_key
from harness.profile.ios.lines import Refused
from harness.profile.ios.suites import child_proposals, ikev2_proposals, policies
from harness.record import printable


def resolve(text: Text, wanted: str | None) -> Configuration:
    """The one device and peer that the sections describe."""
    profile = _ipsec_profile(text, wanted)
    tunnel = _tunnel(text, profile)
    _refuse_contradictions(text, profile, tunnel)
    isakmp = _referenced(text, profile, "isakmp-profile")
    ikev2 = _referenced(text, profile, "ikev2-profile")
    addressed = ends(text, tunnel, isakmp, ikev2)
    configuration = replace(
        DEFAULT,
        profile=ProfileName.STRICT if profile.get("responder-only") else ProfileName.TWO_WAY,
        versions=_versions(text, profile),
        initiate_version=2 if "ikev2-profile" in profile.said else 1,
        initiate_mode="aggressive" if _aggressive(isakmp) else "main",
        aggressive=not text.top.get("aggressive-mode disable"),
        proposals_v1=policies(text),
        proposals_v2=ikev2_proposals(text),
        child_proposals=child_proposals(text, profile),
        pfs_group=None if "pfs" not in profile.said else Group(profile.get("pfs")),
        lifetimes=_lifetimes(text, profile, ikev2),
        dpd=_dpd(text, isakmp, ikev2),
        cookie_threshold=text.top.get("cookie-challenge"),
        **addressed,
    )
    key = shared_key(text, isakmp, ikev2, configuration.peer)
    if key is not None:
        configuration = replace(configuration, psk=key)
    _remark_silence(text, profile, isakmp)
    configuration = extras.apply(configuration, text.extras)
    _refuse_two_minds(text, profile, configuration)
    return configuration


def _ipsec_profile(text: Text, wanted: str | None) -> Section:
    known = text.of_kind("ipsec-profile")
    if wanted is not None:
        found = text.find("ipsec-profile", wanted)
        if found is None:
            raise Refused(0, f"no IPsec profile is called `{printable(wanted)}`")
        return found
    if not known:
        text.warn(0, "no `crypto ipsec profile`: the device is two-way, and defaults stand for its tunnel")
        return Section("ipsec-profile", "", 0)
    bound = {each.get("tunnel protection") for each in text.of_kind("interface")}
    chosen = next((each for each in known if each.name in bound), known[0])
    for other in known:
        if other is not chosen:
            text.warn(
                other.line,
                f"IPsec profile `{printable(other.name)}` is not played; `{printable(chosen.name)}` is",
            )
    return chosen


def _tunnel(text: Text, profile: Section) -> Section | None:
    bound = [each for each in text.of_kind("interface") if each.get("tunnel protection", "") == profile.name]
    for interface in bound:
        if not interface.get("tunnel"):
            raise Refused(
                interface.line_of("tunnel protection"),
                f"`{printable(interface.name)}` is no tunnel interface; only those are protected by a profile",
            )
    for other in bound[1:]:
        text.warn(other.line, f"only the tunnel `{printable(bound[0].name)}` is played")
    if bound:
        return bound[0]
    if profile.line:
        text.warn(
            profile.line,
            f"no tunnel interface is protected by IPsec profile `{printable(profile.name)}`; "
            "responder-only is relevant to virtual interfaces only",
        )
    return None


def _refuse_contradictions(text: Text, profile: Section, tunnel: Section | None) -> None:
    if not profile.get("responder-only"):
        return
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
    if one and text.find("isakmp-profile", profile.get("isakmp-profile")):
        return (1,)
    return DEFAULT.versions


def _aggressive(isakmp: Section | None) -> bool:
    return bool(isakmp and isakmp.get("initiate mode aggressive"))


def _remark_silence(text: Text, profile: Section, isakmp: Section | None) -> None:
    if isakmp and profile.get("responder-only") and _aggressive(isakmp):
        text.warn(isakmp.line_of("initiate mode aggressive"), "a responder-only device initiates in no mode")
    if not text.of_kind("isakmp-policy") and not text.of_kind("ikev2-proposal"):
        text.warn(profile.line, "no ISAKMP policy and no IKEv2 proposal: the default suites are taken")


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
