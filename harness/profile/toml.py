"""A configuration in TOML, for people who don't speak IOS: the fields of the model under their own names."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from harness.codes import ProfileName
from harness.files import octets_of
from harness.profile.configuration import SOFT_SHARE, Configuration, Peer
from harness.profile.written import Reader, Unfit, write
from harness.record import printable

FORMAT = 1
"""The version of this form; a text of another one is refused, so that no mode ever changes its meaning."""
PEERS = "further_peers"


class TomlError(ValueError):
    """A text that describes no device: the file, the line or the key, and what is wrong with it; never a secret."""


def read(text: str, file: str = "<config>", directory: Path | None = None) -> Configuration:
    """The device that `text` describes; secrets may be in files, named from `directory` on.

    A device is two-way unless it says otherwise, as devices are: responder-only is always spelled out. What a
    further peer leaves out is as the device has it, but for who and where the peer is.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as why:
        raise TomlError(f"{printable(file)}: no TOML: {why}") from None
    except RecursionError:
        raise TomlError(f"{printable(file)}: no TOML: too deeply nested") from None
    return described(table, file, directory)


def read_json(text: str, file: str = "<config>", directory: Path | None = None) -> Configuration:
    """The device that `text` describes, the same mapping in JSON."""
    try:
        table = json.loads(text)
        json.dumps(table, ensure_ascii=False).encode()  # half a character, which JSON can escape, is no text
    except ValueError as why:
        raise TomlError(f"{printable(file)}: no JSON: {why}") from None
    except RecursionError:
        raise TomlError(f"{printable(file)}: no JSON: too deeply nested") from None
    if not isinstance(table, dict):
        raise TomlError(f"{printable(file)}: an object follows")
    return described(table, file, directory)


def described(table: dict[str, Any], file: str, directory: Path | None) -> Configuration:
    """The device of a mapping, as TOML or JSON have it."""
    if table.pop("format", FORMAT) != FORMAT:
        raise TomlError(f"{printable(file)}: format: this program reads format {FORMAT}")
    _complete(table)
    try:
        made = Reader(_files(directory)).read(Configuration, table)
    except Unfit as why:
        raise TomlError(f"{printable(file)}: {printable(str(why))}") from None
    assert isinstance(made, Configuration)
    return made


def _complete(table: dict[str, Any]) -> None:
    """Put in what is meant where nothing is said."""
    table.setdefault("profile", str(ProfileName.TWO_WAY))
    peers = table.get(PEERS, [])
    tables = [table, *(each for each in (peers if isinstance(peers, list) else ()) if isinstance(each, dict))]
    for each in tables[1:]:
        each.update({name: table[name] for name in _COMMON if name in table and name not in each})
    for each in tables:
        lifetimes = each.get("lifetimes")
        if isinstance(lifetimes, dict):
            _soften(lifetimes)


_OWN = frozenset(
    {"remote_id", "peer", "psk", "ppk", "remote_subnets", "second_selector", "local_id", "local_address"}
)
_COMMON = tuple(each.name for each in fields(Peer) if each.name not in _OWN)


def _soften(lifetimes: dict[str, Any]) -> None:
    """A hard limit that is given alone brings its soft one along."""
    for kind in ("ike", "child"):
        hard = lifetimes.get(f"{kind}_hard")
        if isinstance(hard, int | float):
            lifetimes.setdefault(f"{kind}_soft", hard * SOFT_SHARE)


def _files(directory: Path | None) -> Any:
    def octets(name: str) -> bytes:
        if directory is None:
            raise OSError("a text without a file of its own refers to none")
        return octets_of(directory / name)

    return octets


def show(configuration: Configuration, *, hide_secrets: bool = False) -> str:
    """The text that reads back as `configuration`; with `hide_secrets` the keys are left out and must be filled in."""
    return "\n".join(_lines(write(configuration, hide_secrets=hide_secrets)))


def show_json(configuration: Configuration) -> str:
    """The same in JSON."""
    return json.dumps({"format": FORMAT, **write(configuration)})


def _lines(table: Mapping[str, Any]) -> Iterator[str]:
    yield f"format = {FORMAT}"
    peers = table.get(PEERS, ())
    tables = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    for name, value in table.items():
        if name not in (*tables, PEERS):
            yield f"{name} = {_value(value, wide=True)}"
    for name, value in tables.items():
        yield from ("", f"[{name}]", *entries(value))
    for each in peers:
        yield from ("", f"[[{PEERS}]]", *entries(each))
    yield ""


def entries(table: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a written table, without its head."""
    yield from (f"{name} = {_value(value, wide=True)}" for name, value in table.items())


def inline(value: Any) -> str:
    """A written value on one line, in which white space stands between values alone."""
    return _value(value, text=lambda each: _SPACE.sub(lambda m: f"\\u{ord(m[0]):04x}", _text(each)))


def _value(value: Any, *, wide: bool = False, text: Callable[[str], str] | None = None) -> str:
    within = partial(_value, text=text)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {within(each)}' for name, each in value.items())} }}"
    if isinstance(value, list) and wide and any(isinstance(each, Mapping) for each in value):
        rows = "".join(f"  {within(each)},\n" for each in value)
        return f"[\n{rows}]"
    if isinstance(value, list):
        return f"[{', '.join(map(within, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return (text or _text)(value) if isinstance(value, str) else repr(value)


_SPACE = re.compile(r"\s")


def _text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for the one control character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_value(text: str, kind: type, field: str) -> Any:
    """The value of a field of `kind` that stands written in one line; Unfit if it is none."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        raise Unfit("", "a value of TOML follows") from None
    return Reader().field(kind, field, value)
