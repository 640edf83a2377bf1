"""What an IOS text says of the device as a whole, whoever its peers are."""

from dataclasses import replace

from harness.profile.configuration import DEFAULT, Configuration
from harness.profile.credentials import Proof
from harness.profile.exchanges import Fragments
from harness.profile.ios import extras
from harness.profile.ios.commands import Section, Text
from harness.profile.ios.lines import Refused
from harness.profile.ios.suites import ikev2_proposals, policies
from harness.profile.packets import Packets


def device(text: Text) -> Configuration:
    """The device without its tunnels; what signatures need stands in comments, since IOS keeps it elsewhere."""
    top = text.top
    size = top.get("fragmentation")
    try:
        made = replace(
            DEFAULT,
            aggressive=not top.get("aggressive-mode disable"),
            proposals_v1=policies(text),
            proposals_v2=ikev2_proposals(text),
            cookie_threshold=top.get("cookie-challenge"),
            exchanges=replace(DEFAULT.exchanges, window=top.get("window", DEFAULT.exchanges.window)),
            fragments=None if size is None else Fragments(size=size),
            packets=_packets(text),
        )
    except ValueError as why:
        raise Refused(top.line_of("fragmentation" if size is not None else "window"), str(why)) from None
    return extras.apply(made, [line for line in text.extras if line.words[0] == "credentials"])


def _packets(text: Text) -> Packets:
    packets, top = DEFAULT.packets, text.top
    said = {
        what: top.get(what) for what in ("ikev2 nat keepalive", "isakmp nat keepalive") if what in top.said
    }
    seconds = next(iter(said.values()), packets.nat_keepalive)
    if len(set(said.values())) > 1:
        text.warn(
            top.line_of("isakmp nat keepalive"), f"keepalives go out after {seconds} s in both versions"
        )
    window = top.get("replay window-size", packets.replay_window)
    return replace(packets, nat_keepalive=None if seconds is None else float(seconds), replay_window=window)


def proof(text: Text, ikev2: Section | None, side: str, configuration: Configuration) -> Proof:
    """How an end proves itself; a signature of our own needs credentials."""
    said: Proof = ikev2.get(f"{side} proof", "psk") if ikev2 else "psk"
    signs = side == "local" and said == "signature"
    if ikev2 and signs and not (configuration.credentials and configuration.credentials.key):
        text.warn(
            ikev2.line_of("local proof"),
            "no certificate with its key stands in a comment `credentials`: the pre-shared key is taken",
        )
        return "psk"
    return said
