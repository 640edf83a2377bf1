"""Draws the page of the configuration from the dataclasses that are the model, and from IOS's table of commands."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from harness.codes import Code
from harness.profile.configuration import Configuration, Identity
from harness.profile.ios.commands import COMMANDS, OPENERS
from harness.profile.toml import inline
from harness.profile.written import REGISTRIES, written

EXAMPLE = """\
    format = 1
    profile = "strict"                    # responder-only; unsaid, a device is two-way
    versions = [2]
    local_id = "fqdn:hub.example"
    remote_id = "fqdn:spoke.example"
    peer = "any"                          # or the address that it calls, and is called from
    psk = { file = "spoke.key" }          # or "text", or { hex = "…" }
    remote_subnets = ["10.1.0.0/16"]

    [lifetimes]
    child_hard = 600

    [[further_peers]]                     # what it leaves out is as above
    remote_id = "fqdn:bob.example"
    peer = "192.0.2.3"
    psk = { file = "bob.key" }
    remote_subnets = ["10.3.0.0/16"]
"""
TOML = """\
## TOML

`ike-harness responder --config FILE.toml` reads the fields of the model under their own names; what is unsaid is as
the catalogue is played with, but for the profile. A code point goes by the registry's name (or its number), an
identity as `kind:value` (ipv4, ipv6, fqdn, user_fqdn, dn, key_id), a value that may be missing as "none" or "any". Octets
are a text, `{ hex = "…" }` or `{ file = "…" }`, a file beside the configuration; a PEM file is taken for the DER
inside. A hard lifetime that is given alone brings its soft one along, at nine tenths. What is wrong is refused with the
line or the key, and a running daemon that is told to reload keeps what it has. `FILE.json` is the same mapping in JSON.
"""
IOS = """\
## Cisco IOS

Any other file is read as Cisco IOS text. A line that nobody reads is reported by its number. `! ike-harness FIELD
VALUE` says what IOS has no command for; a device skips it. `responder-only` stands under `crypto ipsec profile`
and nowhere else; both ends responder-only means that neither ever calls, and the tunnel stays down.
"""


def draw() -> str:
    """The page."""
    tables = [
        line for kind in _kinds(Configuration) for line in (f"### {kind.__name__}", "", *fields_of(kind), "")
    ]
    return "\n".join([TOML, EXAMPLE, *tables, IOS, *_commands(), ""])


def _kinds(kind: type) -> list[type]:
    """The dataclass and those that its fields are made of, each once, in the order in which they are met."""
    found = {kind: None}
    for hint in get_type_hints(kind).values():
        for inner in _dataclasses_in(hint):
            found |= dict.fromkeys(_kinds(inner))
    return list(found)


def _dataclasses_in(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint is not Identity:
        yield hint
    for inner in get_args(hint):
        yield from _dataclasses_in(inner)


def fields_of(kind: type) -> list[str]:
    """What a dataclass says of itself, and a table of its fields."""
    says, hints = _docstrings(kind), get_type_hints(kind)
    lines = [_sentence(kind.__doc__ or ""), "", "| field | is | unsaid | says |", "|---|---|---|---|"]
    for field in dataclasses.fields(kind):
        registry = REGISTRIES.get((kind, field.name))
        named = f"`{registry.__name__}`" if registry else _type(hints[field.name])
        lines.append(
            f"| {field.name} | {named} | {_default(field, registry)} | {_sentence(says.get(field.name, ''))} |"
        )
    return lines


def _docstrings(kind: type) -> dict[str, str]:
    """The text below each field that has one."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and text:
            found[before.target.id] = str(text)
    return found


def _type(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"array of {_type(get_args(hint)[0])}"
    if hint is bytes:
        return "octets"
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    text = re.sub(r"harness(\.\w+)*\.|typing\.|Literal|[\[\]']", "", text).replace("| None", "or none")
    return text.replace("|", "\\|")


def _default(field: dataclasses.Field[Any], registry: type[Code] | None) -> str:
    value = field.default
    if value is dataclasses.MISSING:
        return "*must be said*" if field.default_factory is dataclasses.MISSING else ""
    if not field.repr or dataclasses.is_dataclass(value):
        return ""
    text = inline(written(value, registry))
    return f"`{text}`" if len(text) < 60 else ""


def _sentence(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("None", "none")


def _commands() -> Iterator[str]:
    yield from ("| mode | commands read |", "|---|---|")
    openers = {kind: " ".join(words) for words, kind in OPENERS.items()}
    for mode, commands in COMMANDS.items():
        listed = ", ".join(f"`{' '.join(words)}`" for words in commands)
        yield f"| {openers.get(mode, mode)} | {listed} |"
