"""A configuration as plain data and back: how a target's own process is told what it is configured to be."""

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from harness.profile import Configuration


def to_plain(value: Any) -> Any:
    """`value` in the types of JSON: dataclasses become objects, octets hexadecimal text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value


def configuration_from(plain: Mapping[str, Any]) -> Configuration:
    """The configuration that `to_plain` told; ValueError with a sentence if it is none."""
    made = _from_plain(Configuration, plain, "the configuration")
    assert isinstance(made, Configuration)
    return made


def _from_plain(kind: Any, plain: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional(get_args(kind), plain, where)
    if origin is tuple:
        item, *_ = get_args(kind)
        return tuple(_from_plain(item, each, where) for each in plain)
    if dataclasses.is_dataclass(kind):
        return _record(kind, plain, where)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return kind(*plain)
    if kind is bytes:
        return bytes.fromhex(plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    return plain


def _optional(kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None:
        return None
    wanted = next(kind for kind in kinds if kind is not types.NoneType)
    return _from_plain(wanted, plain, where)


def _record(kind: Any, plain: Any, where: str) -> Any:
    if not isinstance(plain, Mapping):
        raise ValueError(f"{where} is no object")
    hints = get_type_hints(kind)
    unknown = set(plain) - set(hints)
    if unknown:
        raise ValueError(f"{where} has no field {sorted(unknown)[0]!r}")
    return kind(
        **{name: _from_plain(hints[name], value, f"{where}: {name}") for name, value in plain.items()}
    )
