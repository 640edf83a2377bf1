"""What the printers of foreign daemons leave out without a word is remarked here."""

from collections.abc import Iterable
from dataclasses import replace

from harness.profile.configuration import Configuration
from harness.profile.vendors.sheet import Telling
from harness.profile.vendors.suites import unsaid
from harness.profile.vendors.tunnel import Tunnel


def keyed(tunnel: Tunnel) -> Configuration:
    """The configuration of the tunnel, with the key if there is one."""
    return tunnel.view if tunnel.key is None else replace(tunnel.view, psk=tunnel.key)


def left_out(tunnel: Tunnel, ike: Iterable[str | None], child: Iterable[str | None]) -> Telling[None]:
    """A remark for each suite of the tunnel for which a printer has no words."""
    for suites, words, what in (
        (tunnel.ike_suites, ike, "an IKE SA"),
        (tunnel.child_suites, child, "a Child SA"),
    ):
        yield from unsaid((suite for suite, said in zip(suites, words, strict=True) if not said), what)
