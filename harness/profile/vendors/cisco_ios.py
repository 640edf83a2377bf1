"""Cisco IOS and IOS-XE, in the text that the reference responder is configured with."""

from dataclasses import replace

from harness.codes import ProfileName
from harness.profile.configuration import Configuration
from harness.profile.ios import show
from harness.profile.ios.lines import EXTRA
from harness.profile.vendors.sheet import Remark, Telling
from harness.profile.vendors.tunnel import Tunnel
from harness.profile.vendors.vendor import Vendor


def write(tunnel: Tunnel) -> Telling[None]:
    """The text of IOS; it is strict or two-way, and nothing between."""
    view = tunnel.view
    if not tunnel.calls and tunnel.rekeys:
        view = _strict(view)
        yield Remark("with `responder-only` it never rekeys: it is strict", _strict)
    if tunnel.key is not None:
        view = replace(view, psk=tunnel.key)
    for line in show(view, hide_secrets=tunnel.key is None).splitlines():
        yield line
        if line.startswith(f"! {EXTRA} "):
            yield Remark(f"it has no command for {line.removeprefix(f'! {EXTRA} ').split()[0]}")


def _strict(configuration: Configuration) -> Configuration:
    return replace(configuration, profile=ProfileName.STRICT)


CISCO_IOS = Vendor(
    name="cisco-ios",
    product="Cisco IOS and IOS-XE",
    write=write,
    comment="!",
    switch="`responder-only` under `crypto ipsec profile`",
    covers="main, aggressive and quick mode of its own, and every rekey of IKE and IPsec SAs",
    gaps=(
        "DPD is set apart (`crypto isakmp keepalive`, `dpd` of an IKEv2 profile) and its probes are its own",
        "`crypto isakmp invalid-spi-recovery` starts an IKE SA by itself; it has to be off",
        "a crypto map, static or dynamic, can't have it: virtual tunnel interfaces alone",
        "of IKEv2 Cisco's text says nothing: IKE_SA_INIT and CREATE_CHILD_SA are meant by analogy",
    ),
    besides=(
        "the tunnel interface wants an address (`ip unnumbered …`) and a route to the harness's subnets",
    ),
    verified="Cisco's feature guide IKE Responder-Only Mode, 12.4(24)T; the project's own reader of IOS text",
)
