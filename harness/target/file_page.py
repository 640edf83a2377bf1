"""Draws the page of target files from the declarations that read them."""

from harness.codes import Trigger
from harness.profile.schema import fields_of
from harness.target.contract import ABILITIES
from harness.target.file import ADMITTED, CONFIGURATION, PROVOKE, SAID_ELSEWHERE, TABLES, Control

LIFETIMES = "lifetimes"
INTRODUCTION = """\
`ike-harness run --target FILE.toml` tests a device that was set up by somebody else and that IKE alone reaches. The file
says what the device is set up to be; nothing of that is changed, so a case that wants another configuration is
NOT_APPLICABLE and says which fields it would take. `ike-harness targets check FILE.toml` tells what is missing.
"""
EXAMPLE = """\
    [target]
    name = "edge-1"
    kind = "remote"
    address = "192.0.2.1"
    configured_as = "strict"              # what it is set up to be; --profile is what it is judged by
    authorised = "own laboratory, ticket 4711"
    ike = ["v2", "v1-main"]

    [identity]                            # as the device is told: itself is local
    local_id = "fqdn:edge-1.example"
    remote_id = "fqdn:tester.example"
    psk = { env = "EDGE_1_PSK" }          # or { file = "edge-1.key" }, or "text", or { hex = "…" }

    [identity.control]                    # a second peer that it knows: who ends each case with a handshake
    remote_id = "fqdn:control.example"
    psk = { file = "control.key" }

    [lifetimes]                           # seconds; those that are not said are not known
    child_hard = 600

    [provoke]                             # run with --allow-commands alone
    matching_traffic = "ssh lan-host 'ping -c 3 203.0.113.7; true'"
    reload = "ssh edge-1 reload"

    [probe]
    alive = "ssh edge-1 true"

    [configuration]                       # fields of the model that no other table says
    remote_subnets = ["203.0.113.0/24"]
    pfs_group = "MODP_2048"

    [consent]                             # for fuzzing and shapes of known defects
    owner = "Ada, network operations"
    until = 2031-12-31
"""
SAFETY = """\
## What is not done unasked

* **Commands** of a file are shown, and run, with `--allow-commands` alone; a kept script can't carry one, nor name a file
  that does. Whether one did what it is for its exit status tells: 0, and nothing else. What it printed goes into the
  evidence, without control characters and without the secrets of the file.
* **Attacks** (`fuzz`, `replay`, cases with the shape of a known defect) need `[consent]` with a day that is not over, and
  `authorised`.
* **Addresses** that are not of a private network need `--i-may-test ADDRESS` besides. What a device says of others, in a
  redirect for one, or whoever sends us something from there, does not have anything sent to them: the evidence notes it.
* **Rate**: no second has more datagrams than `max_rate`.

A trigger that nothing can cause makes a case INCONCLUSIVE, with the sentence that says what to add. A device that answers
nothing before the first case makes them an ERROR; later, its silence is its own.
"""


def draw() -> str:
    """The page."""
    kinds = {name: kind for name, kind in TABLES.items() if name != LIFETIMES} | {"identity.control": Control}
    tables = [line for name, kind in kinds.items() for line in (f"### [{name}]", "", *fields_of(kind), "")]
    return "\n".join([INTRODUCTION, EXAMPLE, SAFETY, "## Tables", "", *tables, *_further(), ""])


def _further() -> list[str]:
    triggers = ", ".join(f"`{trigger}`" for trigger in Trigger)
    said = ", ".join(f"`{name}`" for name in SAID_ELSEWHERE)
    return [
        f"### [{LIFETIMES}]",
        "",
        "The fields of Lifetimes in seconds, as the device was told them. Of a limit that is not said nothing is claimed.",
        "",
        f"### [{PROVOKE}]",
        "",
        f"A command for a shell by the trigger that it causes: {triggers}.",
        "",
        f"### [{CONFIGURATION}]",
        "",
        f"The fields of the [configuration](configuration.md), but for {said}: other tables say those.",
        "",
        "### Abilities",
        "",
        "| ability | means |",
        "|---|---|",
        *(f"| {name} | {ABILITIES[name]} |" for name in ADMITTED),
    ]
