"""Values of a configuration as TOML knows them, and back: one mapping for all of it, by the types of the fields.

A code point goes by its registry's name, an identity as `fqdn:hub.example`, nothing as "none". Octets are
their text, `{hex = "…"}`, or `{file = "…"}`: a file beside the configuration, whose PEM is taken for what it holds;
where the reader has an environment, also `{env = "…"}`: the text of a variable.
"""

import dataclasses
import re
import types
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from math import isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from harness.codes import (
    AuthMethodV1,
    Code,
    Encr,
    EncrV1,
    Esn,
    Group,
    HashV1,
    Integ,
    Prf,
    Protocol,
)
from harness.profile.configuration import (
    ChildProposal,
    Configuration,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Peer,
)

NOTHING = ("none", "any")
"""The words for a value that may be missing; both say the same."""
HIDDEN = "<hidden>"
"""Stands where a secret was left out of a printed text."""

REGISTRIES: Mapping[tuple[type, str], type[Code]] = {
    (IkeProposal, "encr"): Encr,
    (IkeProposal, "integ"): Integ,
    (IkeProposal, "prf"): Prf,
    (IkeProposal, "group"): Group,
    (IkeProposal, "additional"): Group,
    (IsakmpPolicy, "encr"): EncrV1,
    (IsakmpPolicy, "hash"): HashV1,
    (IsakmpPolicy, "auth"): AuthMethodV1,
    (IsakmpPolicy, "group"): Group,
    (ChildProposal, "protocol"): Protocol,
    (ChildProposal, "encr"): Encr,
    (ChildProposal, "integ"): Integ,
    (ChildProposal, "esn"): Esn,
    (ChildProposal, "additional"): Group,
    (Configuration, "pfs_group"): Group,
    (Peer, "pfs_group"): Group,
}
"""The fields that hold a code point, or several."""

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)


class Unfit(ValueError):
    """A value that is none of its field: the field's place, and what would be one; never a secret."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place, self.reason = place, reason


# --- from a value to what is written ----------------------------------------------------------------------


def write(value: Any, *, hide_secrets: bool = False) -> dict[str, Any]:
    """A dataclass as a table; fields that are empty by default and empty here are left out, but for those of a peer."""
    told: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        own = getattr(value, field.name)
        if own == field.default and own in (None, ()) and not isinstance(value, Peer):
            continue
        secret = not field.repr and hide_secrets
        told[field.name] = (
            HIDDEN if secret else written(own, REGISTRIES.get((type(value), field.name)), hide_secrets)
        )
    return told


def written(value: Any, registry: type[Code] | None, hide: bool = False) -> Any:
    """One value; a code point goes by its name in `registry`."""
    if value is None:
        return NOTHING[0]
    if isinstance(value, Identity):
        return f"{value.kind}:{value.value}"
    if dataclasses.is_dataclass(value):
        return write(value, hide_secrets=hide)
    if isinstance(value, tuple):
        return [written(each, registry, hide) for each in value]
    if isinstance(value, bytes):
        return _written_octets(value)
    if isinstance(value, str) and value in NOTHING:
        return {"text": value}
    if registry is not None:
        return registry(value).name
    return value.value if isinstance(value, Enum) else value


def _written_octets(octets: bytes) -> str | dict[str, str]:
    plain = re.fullmatch(rb"[ -~]+", octets) and octets.decode() not in (HIDDEN, *NOTHING)
    return octets.decode() if plain else {"hex": octets.hex()}


# --- and back ---------------------------------------------------------------------------------------------

Files = Callable[[str], bytes]
"""Gives the octets of a file that a text refers to; OSError if it can't."""


def _no_files(_name: str) -> bytes:
    raise OSError("no file can be referred to here")


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Reads written values; `files` and `environment` give what they refer to."""

    files: Files = _no_files
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def read(self, kind: type, table: Any, place: str = "") -> Any:
        """The dataclass of that kind which a table describes; Unfit says where it describes none."""
        if not isinstance(table, Mapping):
            raise Unfit(place, "a table follows")
        known = {field.name: field for field in dataclasses.fields(kind)}
        for name in table:
            if name not in known:
                raise Unfit(_joined(place, str(name)), f"unknown; known are {', '.join(known)}")
        needed = [n for n, f in known.items() if f.default is f.default_factory is dataclasses.MISSING]
        for name in needed:
            if name not in table:
                raise Unfit(_joined(place, name), "missing")
        values = {name: self.field(kind, name, value, _joined(place, name)) for name, value in table.items()}
        try:
            return kind(**values)
        except ValueError as why:
            raise Unfit(place, str(why)) from None

    def field(self, kind: type, name: str, written: Any, place: str = "") -> Any:
        """The value of one field of a dataclass."""
        return self._value(_hints(kind)[name], written, REGISTRIES.get((kind, name)), place)

    def _value(self, kind: Any, written: Any, registry: type[Code] | None, place: str) -> Any:
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            return self._optional(get_args(kind), written, registry, place)
        if origin is tuple or (isinstance(kind, type) and issubclass(kind, tuple)):
            return self._several(kind, written, registry, place)
        if origin is Literal:
            return _one_of(get_args(kind), written, place)
        if kind is Identity:
            return _identity(written, place)
        if dataclasses.is_dataclass(kind):
            return self.read(kind, written, place)  # type: ignore[arg-type]  # a class, not one of its instances
        if kind is bytes:
            return self._octets(written, place)
        if registry is not None:
            return _code(registry, written, place)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(_one_of(tuple(each.value for each in kind), written, place))
        return _scalar(kind, written, place)

    def _optional(self, kinds: tuple[Any, ...], written: Any, registry: type[Code] | None, place: str) -> Any:
        if written in NOTHING:
            return None
        wanted = next(kind for kind in kinds if kind is not types.NoneType)
        return self._value(wanted, written, registry, place)

    def _several(self, kind: Any, written: Any, registry: type[Code] | None, place: str) -> Any:
        if not isinstance(written, Sequence) or isinstance(written, str):
            raise Unfit(place, "an array follows")
        if not get_args(kind):  # a named tuple of texts
            if len(written) != len(kind._fields):
                raise Unfit(place, f"{len(kind._fields)} values follow: {', '.join(kind._fields)}")
            return kind(*(_scalar(str, each, place) for each in written))
        item = get_args(kind)[0]
        return tuple(self._value(item, each, registry, f"{place}[{at}]") for at, each in enumerate(written))

    def _octets(self, written: Any, place: str) -> bytes:
        if written == HIDDEN:
            raise Unfit(place, "this text was printed with its secrets hidden; fill it in")
        if isinstance(written, str):
            return written.encode()
        match written:
            case {"hex": str(digits)} if len(written) == 1:
                return _from_hex(digits, place)
            case {"file": str(name)} if len(written) == 1:
                return self._from_file(name, place)
            case {"env": str(name)} if len(written) == 1:
                return self._from_environment(name, place)
            case _:
                raise Unfit(place, 'a text follows, or {hex = "…"}, or {file = "…"}')

    def _from_environment(self, name: str, place: str) -> bytes:
        if (
            name not in self.environment
        ):  # not told: who mistakes `env` for the place of the secret writes it there
            raise Unfit(place, "the environment variable that it names is not set")
        return self.environment[name].encode()

    def _from_file(self, name: str, place: str) -> bytes:
        try:
            octets = self.files(name)
        except OSError as why:
            raise Unfit(place, f"{name}: can't be read ({why.strerror or why})") from None
        armoured = _PEM.search(octets)
        if armoured is None:
            return octets.removesuffix(b"\n").removesuffix(b"\r")
        try:
            return b64decode(armoured[2])
        except NoBase64:
            raise Unfit(place, f"{name}: its PEM can't be read") from None


_hints = cache(get_type_hints)


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _one_of(known: tuple[Any, ...], written: Any, place: str) -> Any:
    if written not in known or isinstance(written, bool):
        raise Unfit(place, f"one of {', '.join(map(str, known))} follows")
    return written


def _identity(written: Any, place: str) -> Identity:
    kind, colon, value = written.partition(":") if isinstance(written, str) else ("", "", "")
    if not colon:
        raise Unfit(place, 'an identity follows, as in "fqdn:hub.example" or "ipv4:192.0.2.1"')
    try:
        return Identity(kind, value)  # type: ignore[arg-type]  # Identity refuses other kinds itself
    except ValueError as why:
        raise Unfit(place, str(why)) from None


def _code(registry: type[Code], written: Any, place: str) -> Any:
    if isinstance(written, str) and written in registry.__members__:
        return registry[written]
    if isinstance(written, str) and re.fullmatch(r"-?[0-9]{1,20}", written):
        return registry(int(written))
    if isinstance(written, int) and not isinstance(written, bool):
        return registry(written)
    raise Unfit(place, f"a number follows, or one of {', '.join(registry.__members__)}")


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _scalar(kind: Any, written: Any, place: str) -> Any:
    if kind is float and type(written) is int:
        return float(written)
    if kind is str and isinstance(written, Mapping) and set(written) == {"text"}:
        written = written["text"]
    if type(written) is not kind or (kind is float and not isfinite(written)):
        raise Unfit(place, f"{_WORDS[kind]} follows")
    if written == HIDDEN:
        raise Unfit(place, "this text was printed with its secrets hidden; fill it in")
    return written


def _from_hex(digits: str, place: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise Unfit(place, "an even number of hexadecimal digits follows `hex`") from None
