"""What is known about a vendor's responder-only mode, and the sheet with which a device is set up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from textwrap import wrap

from harness.codes import ProfileName
from harness.profile.configuration import Configuration
from harness.profile.vendors.sheet import Remark, Sheet, Telling, Unsayable, heard
from harness.profile.vendors.tunnel import Tunnel, tunnel_of
from harness.profile.ways import WAYS, Way
from harness.profile.written import HIDDEN
from harness.record import printable

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Vendor:
    """A product: its switch, what that covers and what not, how that was verified, and who writes its sheet."""

    name: str
    product: str
    write: Callable[[Tunnel], Telling[None]]
    switch: str
    covers: str
    gaps: tuple[str, ...]
    """What the device may still do by itself, or what has to be set besides."""
    verified: str
    """The documentation, or the program, that what is printed was held against."""
    tried: str = "not tried on a device"
    comment: str = "#"
    besides: tuple[str, ...] = ()
    """What is for the device's owner to add."""
    interface: str = ""
    """A name for the interface with its address, where one is needed and none is given."""
    ways: tuple[Way, ...] = WAYS
    stops_rekeys: bool = True
    """Whether what it is told keeps it from rekeying."""

    def sheet(
        self, configuration: Configuration, way: Way, *, key: bytes | None = None, interface: str = ""
    ) -> Sheet:
        """What makes a device `configuration`, as far as it has words; Unsayable if it can't be that at all."""
        if way not in self.ways:
            raise Unsayable(f"{self.product} goes by {', '.join(self.ways)} alone, not by {way}")
        telling = tunnel_of(configuration, way, key=key, interface=interface or self.interface)
        _, left_out, tunnel = heard(telling)
        lines, unsaid, _ = heard(self.write(tunnel))
        remarks = [*left_out, *unsaid, *self._falls_short(tunnel)]
        made = reduce(lambda so_far, remark: remark.instead(so_far), remarks, tunnel.view)
        texts = tuple(dict.fromkeys(printable(each.text) for each in remarks))
        head = [*self._head(tunnel), *(f"Not as wanted: {each}." for each in texts)]
        commented = (
            f"{self.comment} {line}" for each in head for line in wrap(each, _WIDTH, break_on_hyphens=False)
        )
        return Sheet("\n".join([*commented, *lines, ""]), texts, made)

    def _falls_short(self, tunnel: Tunnel) -> Iterator[Remark]:
        if not tunnel.calls and not tunnel.rekeys and not self.stops_rekeys:
            yield Remark(
                "it can't be strict, since nothing keeps it from rekeying: it is rekey-ok", _rekeying
            )

    def _head(self, tunnel: Tunnel) -> Iterator[str]:
        yield (
            f"{self.product}: the device {tunnel.device} for the harness at {tunnel.peer}, by {tunnel.way}, "
            f"profile {tunnel.view.profile}; {self.tried}."
        )
        if tunnel.key is None:
            yield f"{HIDDEN} stands for the pre-shared key: put it in its place, the same as in the target file."
        if tunnel.calls:
            yield "It is a two-way device, which starts whatever it has a reason for: the positive control."
        else:
            yield f"Responder-only: {self.switch}. Covered: {self.covers}."
            yield from (f"Known gap: {each}." for each in self.gaps)
        yield from (f"Besides: {each}." for each in self.besides)


def _rekeying(wanted: Configuration) -> Configuration:
    return replace(wanted, profile=ProfileName.REKEY_OK)
