"""Draws the page of devices from what is known about each vendor's responder-only mode."""

from harness.profile.vendors import VENDORS
from harness.profile.vendors.vendor import Vendor

INTRODUCTION = """\
`ike-harness targets config --vendor VENDOR` prints what a person puts on a device so that it is what the harness's
peers expect; `--target-file FILE` writes the file that goes with it. Unless something else is said the device is the
one that the catalogue is played with. What a vendor has no words for is said in the head of the text and on standard
error, and the target file tells what the device is then.

Three profiles can be asked for. `strict` sets the switch and everything else that keeps a device from starting and
from rekeying; where nothing keeps it from rekeying, the target file says `rekey-ok`. `rekey-ok` sets the switch alone.
`two-way` leaves it out: a device that starts by itself is the positive control, without which silence proves little.

No switch here covers everything. "Does not start" and "does not rekey" are two matters in nearly every product;
traffic, DPD, a Delete from the peer and a failover each may have a way around it. That is what the harness is for.

A pre-shared key is printed only if it is given by `--psk-file`; otherwise `<hidden>` stands in its place.
"""


def draw() -> str:
    """The page."""
    lines = [INTRODUCTION, "| `--vendor` | switch | covers | known gaps |", "|---|---|---|---|"]
    lines += [_row(_titled(each), each.switch, each.covers, _list(each.gaps)) for each in VENDORS.values()]
    lines += [
        "",
        "## How each was verified",
        "",
        "| `--vendor` | held against | on a device |",
        "|---|---|---|",
    ]
    lines += [_row(f"`{each.name}`", each.verified, each.tried) for each in VENDORS.values()]
    return "\n".join([*lines, ""])


def _titled(vendor: Vendor) -> str:
    return f"`{vendor.name}`: {vendor.product}"


def _list(items: tuple[str, ...]) -> str:
    return "<br>".join(f"{each[0].upper()}{each[1:]}." for each in items)


def _row(*cells: str) -> str:
    return f"| {' | '.join(each.replace('|', '&#124;') for each in cells)} |"
