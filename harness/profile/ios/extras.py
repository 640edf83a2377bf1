"""What IOS has no command for, said in comments: `! ike-harness NAME VALUE`; a device skips such a line."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

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
    ProfileName,
    Protocol,
)
from harness.profile.configuration import (
    ChildProposal,
    Configuration,
    Dpd,
    Identity,
    IkeProposal,
    IsakmpPolicy,
    Lifetimes,
    Selector,
)
from harness.profile.ios.lines import EXTRA, Line
from harness.profile.toml import inline, read_value
from harness.profile.written import HIDDEN, written

Words = tuple[str, ...]
Read = Callable[[Sequence[Words]], Any]
Show = Callable[[Any], Iterable[Words]]


class _Unreadable(ValueError):
    """Words that are no value of their setting; the text is fit to be shown."""


# --- one value, both ways ---------------------------------------------------------------------------------


def _one(lines: Sequence[Words]) -> str:
    if len(lines) != 1 or len(lines[0]) != 1:
        raise _Unreadable("one word follows, once")
    return lines[0][0]


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise _Unreadable("a number follows") from None
    if not math.isfinite(number):
        raise _Unreadable("a number follows")
    return number


def _whole(word: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,20}", word):
        raise _Unreadable("a whole number follows")
    return int(word)


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda word: None if word == "none" else read(word)


def _word(value: object) -> str:
    return "none" if value is None else repr(value) if isinstance(value, float) else str(value)


def _code(registry: type[Code]) -> Callable[[str], Any]:
    def read(word: str) -> Any:
        if word in registry.__members__:
            return registry[word]
        return registry(_whole(word))

    return read


def _scalar(read: Callable[[str], Any]) -> tuple[Read, Show]:
    return (lambda lines: read(_one(lines))), (lambda value: [(_word(value),)])


def _choice(*known: str) -> tuple[Read, Show]:
    def read(word: str) -> str:
        if word not in known:
            raise _Unreadable(f"one of {', '.join(known)} follows")
        return word

    return _scalar(read)


def _words(read: Callable[[str], Any]) -> tuple[Read, Show]:
    def read_all(lines: Sequence[Words]) -> tuple[Any, ...]:
        if len(lines) != 1:
            raise _Unreadable("it is said once")
        return tuple(read(word) for word in lines[0] if word != "none")

    return read_all, lambda values: [tuple(_word(value) for value in values) or ("none",)]


Column = tuple[str, Callable[[str], Any], Callable[[Any], str]]


def _of(name: str, registry: type[Code]) -> Column:
    return name, _code(registry), lambda value: registry(value).name


def _plain(name: str, read: Callable[[str], Any]) -> Column:
    return name, read, _word


def _several(name: str, registry: type[Code]) -> Column:
    """Code points in one word, with commas between them."""
    read_one = _code(registry)
    return (
        name,
        lambda word: () if word == "none" else tuple(map(read_one, word.split(","))),
        lambda values: ",".join(registry(value).name for value in values) or "none",
    )


def _table(make: Callable[..., Any], *columns: Column) -> tuple[Read, Show]:
    """A line for each suite, its code points by their names."""

    def read(lines: Sequence[Words]) -> tuple[Any, ...]:
        return tuple(row(words) for words in lines if words != ("none",))

    def row(words: Words) -> Any:
        if len(words) != len(columns):
            raise _Unreadable(f"{len(columns)} words follow: {', '.join(name for name, _, _ in columns)}")
        return make(**{name: parse(word) for (name, parse, _), word in zip(columns, words, strict=True)})

    def show(suites: Iterable[Any]) -> list[Words]:
        return [tuple(cell(suite, column) for column in columns) for suite in suites] or [("none",)]

    def cell(suite: Any, column: Column) -> str:
        name, _, say = column
        return say(getattr(suite, name))

    return read, show


# --- identities, keys, selectors --------------------------------------------------------------------------


def _read_identity(lines: Sequence[Words]) -> Identity | None:
    if list(lines) == [("any",)]:
        return None
    if len(lines) != 1 or len(lines[0]) != 2:
        raise _Unreadable("a kind and a value follow, or `any`")
    kind, value = lines[0]
    return Identity(kind, _text(value))  # type: ignore[arg-type]  # Identity refuses other kinds itself


def _text(word: str) -> str:
    if not word.startswith("hex:"):
        return word
    return _octets(word.removeprefix("hex:")).decode("utf-8", "surrogateescape")


def _octets(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise _Unreadable("an even number of hexadecimal digits follows") from None


def _show_identity(identity: Identity | None) -> list[Words]:
    if identity is None:
        return [("any",)]
    plain = re.fullmatch(r"[!-~]+", identity.value) and not identity.value.startswith("hex:")
    hidden = identity.value.encode("utf-8", "surrogateescape").hex()
    return [(identity.kind, identity.value if plain else f"hex:{hidden}")]


def _read_key(lines: Sequence[Words]) -> bytes:
    if list(lines) == [("empty",)]:
        return b""
    digits = _one(lines)
    if digits == HIDDEN:
        raise _Unreadable("this text was printed with its keys hidden; fill the key in")
    return _octets(digits)


def _read_selector(lines: Sequence[Words]) -> Selector | None:
    if list(lines) == [("none",)]:
        return None
    if len(lines) != 1 or len(lines[0]) != 2:
        raise _Unreadable("a local and a remote subnet follow, or `none`")
    return Selector(*lines[0])


def _read_dpd(lines: Sequence[Words]) -> Dpd | None:
    if list(lines) == [("none",)]:
        return None
    if len(lines) != 1 or len(lines[0]) != 3:
        raise _Unreadable("interval, retry interval and retries follow, or `none`")
    interval, retry, retries = lines[0]
    return Dpd(_number(interval), _number(retry), _whole(retries))


def _show_dpd(dpd: Dpd | None) -> list[Words]:
    return [(_word(dpd.interval), _word(dpd.retry), _word(dpd.retries)) if dpd else ("none",)]


def _read_flag(word: str) -> bool:
    if word not in ("yes", "no"):
        raise _Unreadable("yes or no follows")
    return word == "yes"


_SETTINGS: dict[str, tuple[Read, Show]] = {
    "profile": _scalar(lambda word: _profile_name(word)),
    "versions": _words(_whole),
    "initiate-version": _scalar(_whole),
    "initiate-mode": _choice("main", "aggressive"),
    "aggressive": (lambda lines: _read_flag(_one(lines)), lambda value: [("yes" if value else "no",)]),
    "proposals-v2": _table(
        IkeProposal,
        _of("encr", Encr),
        _plain("key_bits", _optional(_whole)),
        _of("integ", Integ),
        _of("prf", Prf),
        _of("group", Group),
        _several("additional", Group),
    ),
    "proposals-v1": _table(
        IsakmpPolicy,
        _of("encr", EncrV1),
        _plain("key_bits", _optional(_whole)),
        _of("hash", HashV1),
        _of("auth", AuthMethodV1),
        _of("group", Group),
        _plain("lifetime", _whole),
    ),
    "child-proposals": _table(
        ChildProposal,
        _of("protocol", Protocol),
        _of("encr", Encr),
        _plain("key_bits", _optional(_whole)),
        _of("integ", Integ),
        _of("esn", Esn),
        _several("additional", Group),
    ),
    "pfs-group": _scalar(_optional(_code(Group))),
    "local-id": (_read_identity, _show_identity),
    "remote-id": (_read_identity, _show_identity),
    "psk": (_read_key, lambda octets: [(octets.hex() or "empty",)]),
    "local-address": _scalar(str),
    "peer": _scalar(_optional(str)),
    "local-subnets": _words(str),
    "remote-subnets": _words(str),
    "second-selector": (_read_selector, lambda pair: [pair or ("none",)]),
    "ike-soft": _scalar(_optional(_number)),
    "ike-hard": _scalar(_optional(_number)),
    "child-soft": _scalar(_optional(_number)),
    "child-hard": _scalar(_optional(_number)),
    "child-kilobytes": _scalar(_optional(_whole)),
    "half-open": _scalar(_number),
    "idle": _scalar(_optional(_number)),
    "dpd": (_read_dpd, _show_dpd),
    "cookie-threshold": _scalar(_optional(_whole)),
}
"""A field of Configuration, or of its Lifetimes, with `-` for `_`: how it is read and printed."""

_LIFETIMES = frozenset(each.name for each in fields(Lifetimes))


def _profile_name(word: str) -> ProfileName:
    if word not in set(ProfileName):
        raise _Unreadable(f"one of {', '.join(ProfileName)} follows")
    return ProfileName(word)


_WRITTEN = tuple(
    each.name.replace("_", "-")
    for each in fields(Configuration)
    if each.name != "lifetimes" and each.name.replace("_", "-") not in _SETTINGS
)
"""The other fields of Configuration: their values are written as in TOML."""


def apply(configuration: Configuration, extras: Sequence[Line]) -> Configuration:
    """`configuration` with what the comments say in place of what the commands say."""
    spoken: dict[str, list[Line]] = {}
    for line in extras:
        if line.words[0] not in (*_SETTINGS, *_WRITTEN):
            line.refuse(f"`! {EXTRA}` knows {', '.join((*_SETTINGS, *_WRITTEN))}; this is none of them")
        spoken.setdefault(line.words[0], []).append(line)
    changes = {name: _value(name, lines) for name, lines in spoken.items()}
    try:
        return _with(configuration, changes)
    except ValueError as why:
        for name, lines in spoken.items():  # the first that is wrong by itself is told
            _refuse_alone(configuration, name, changes[name], lines[-1])
        extras[-1].refuse(str(why))


def _with(configuration: Configuration, changes: Mapping[str, Any]) -> Configuration:
    fields_of = {name.replace("-", "_"): value for name, value in changes.items()}
    lifetimes = {field: value for field, value in fields_of.items() if field in _LIFETIMES}
    own = {field: value for field, value in fields_of.items() if field not in _LIFETIMES}
    return replace(configuration, lifetimes=replace(configuration.lifetimes, **lifetimes), **own)


def _value(name: str, lines: Sequence[Line]) -> Any:
    said = [line.words[1:] for line in lines]
    try:
        return _SETTINGS[name][0](said) if name in _SETTINGS else _read_written(name.replace("-", "_"), said)
    except ValueError as why:
        # A key's text must not travel in a message; its own complaints name none.
        reason = str(why) if name != "psk" or isinstance(why, _Unreadable) else "that is no key"
        lines[-1].refuse(f"{name}: {reason}")


def _refuse_alone(configuration: Configuration, name: str, value: Any, line: Line) -> None:
    try:
        _with(configuration, {name: value})
    except ValueError as why:
        line.refuse(f"{name}: {why}")


def _read_written(field: str, said: Sequence[Words]) -> Any:
    if len(said) != 1:
        raise _Unreadable("it is said once")
    return read_value(" ".join(said[0]), Configuration, field)


def missing(wanted: Configuration, said: Configuration, *, hide_secrets: bool) -> list[str]:
    """The comments that make `wanted` of `said`."""
    found: list[str] = []
    for name, (_, show) in _SETTINGS.items():
        value, have = _get(wanted, name), _get(said, name)
        if value == have:
            continue
        rows = [(HIDDEN,)] if name == "psk" and hide_secrets else show(value)
        found += [f"! {EXTRA} {name} {' '.join(row)}" for row in rows]
    for name in _WRITTEN:
        value = _get(wanted, name)
        if value != _get(said, name):
            found.append(f"! {EXTRA} {name} {inline(written(value, None, hide_secrets))}")
    return found


def _get(configuration: Configuration, name: str) -> Any:
    field = name.replace("-", "_")
    return getattr(configuration.lifetimes if field in _LIFETIMES else configuration, field)
