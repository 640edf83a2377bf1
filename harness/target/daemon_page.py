"""The page of the daemons that are driven here: by what each is of a profile, and how it is known to depart."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.codes import ProfileName
from harness.profile import DEFAULT, Configuration, libreswan, openiked, strongswan
from harness.profile.switches import Switch
from harness.record import Departure
from harness.target.departures import known

HEAD = """\
`ike-harness run --target strongswan`, `libreswan` or `openiked` plays cases against a real daemon: Debian's packages,
fetched and not installed, in network namespaces that are fresh for each case. Root, overlay file systems and `gcc` are
needed. A kernel without ESP or PF_KEY will do: `harness/target/shim/` stands in for it, and no packet is sealed.

`--configured-as PROFILE` decides how the daemon is set up. `two-way` is the positive control: a daemon that starts
whatever it can, and that the same cases convict. `--configured-as FILE` is a user's own file instead, in the daemon's
words: `swanctl.conf`, `ipsec.conf` or `iked.conf`. The device is 192.0.2.1, its peer 192.0.2.2; `targets config` prints
a file to begin with. Cases that need another configuration do not apply then.

What a daemon has no words for does not apply, and the case says which setting. A daemon that dies, be it by a signal,
by a failed assertion, or because a process of its own was lost, is a FAIL by INV-16 with the last frames before.
"""

_SWITCHES: Mapping[str, Callable[[Configuration], Sequence[Switch]]] = {
    "strongSwan": lambda configuration: strongswan.switches(
        configuration, "v2", strongswan.role_of(configuration, booted=False)
    ),
    "Libreswan": lambda configuration: libreswan.switches(configuration, "v2", serves=True),
    "OpenIKED": lambda configuration: openiked.switches(
        configuration,
        active=configuration.profile is ProfileName.TWO_WAY,
        waits=configuration.profile is ProfileName.TWO_WAY,
        serves=True,
    ),
}


def draw(daemons: Iterable[str]) -> str:
    """The page below its title."""
    parts = [HEAD, "## What makes a profile", ""]
    for name, switches in _SWITCHES.items():
        for profile in (ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.TWO_WAY):
            told = switches(Configuration(profile=profile, lifetimes=DEFAULT.lifetimes))
            rows = [f"| `{each.setting}` | {each.why} |" for each in told]
            parts += [f"### {name}, {profile}", "", "| setting | why |", "|---|---|", *rows, ""]
    parts += ["## Known departures", ""]
    for name in daemons:
        parts += [f"### {name}", "", "| case | finding | of | why |", "|---|---|---|---|"]
        parts += [*map(_row, known(name)), ""]
    return "\n".join(parts)


def _row(departure: Departure) -> str:
    of = departure.requirement or "any"
    return f"| {departure.case} | {departure.verdict} by {departure.rule} | {of} | {departure.reason} |"
