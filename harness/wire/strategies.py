"""Hypothesis strategies made of the same declarations as the codec: any payload, any message, honest or lying."""

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from harness.codes import Exchange
from harness.wire import v1, v2
from harness.wire.fields import MISSING, Ciphertext, Field, Payload, Structure, Unknown
from harness.wire.message import Message

_WIDTH = {"u8": 8, "u16": 16, "u24": 24, "u32": 32, "bit": 1, "u15": 15}
_PAYLOADS = {1: v1.PAYLOADS, 2: v2.PAYLOADS}
_TYPES = {major: {cls.type for cls in classes} for major, classes in _PAYLOADS.items()}
_EXCHANGES = {1: [e for e in Exchange if e < 34], 2: [e for e in Exchange if e >= 34]}


@cache
def _number(field: Field) -> SearchStrategy[int]:
    any_number = st.integers(0, (1 << _WIDTH[field.kind]) - 1)
    if field.names is not None:
        return st.one_of(st.sampled_from([int(n) for n in field.names]), any_number)
    if field.default is not MISSING and field.kw_only:
        return st.one_of(st.just(field.default), any_number)
    return any_number


@cache
def _told(field: Field, *, lies: bool) -> SearchStrategy[int | None]:
    if not lies:
        return st.none()
    return st.one_of(st.none(), st.none(), st.integers(0, (1 << _WIDTH[field.kind]) - 1))


@st.composite
def _strings(draw: DrawFn) -> tuple[bytes, ...]:
    size = draw(st.integers(1, 16))
    return tuple(draw(st.lists(st.binary(min_size=size, max_size=size), max_size=4)))


_PLAIN: dict[str, SearchStrategy[Any]] = {
    "octets": st.binary(max_size=40),
    "padding": st.none(),
    "half": st.one_of(st.binary(min_size=4, max_size=4), st.binary(max_size=16)),
    "rest": st.binary(max_size=64),
    "strings": _strings(),
    "short_or_long": st.one_of(st.integers(0, 0xFFFF), st.binary(max_size=20)),
    "inner": st.integers(0, 255),
}


def _field(field: Field, before: dict[str, Any], *, lies: bool) -> SearchStrategy[Any]:
    """What a field can hold after the values `before` it."""
    if field.told:
        return _told(field, lies=lies)
    if field.kind in _WIDTH:
        return _number(field)
    if field.kind == "structures":
        return _structure_lists(field.of, lies=lies)
    if field.when is not None:
        there = before[field.when[0]] & field.when[1]
        return structures(field.of, lies=lies) if there else st.none()
    return _PLAIN[field.kind]


def _draw_fields(draw: DrawFn, fields: tuple[Field, ...], *, lies: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    halved: bytes | None = None
    for field in fields:
        strategy = _field(field, values, lies=lies)
        if halved is not None:  # the other half: as long as the first
            strategy = st.binary(min_size=len(halved), max_size=len(halved))
        values[field.name] = draw(strategy)
        halved = values[field.name] if field.kind == "half" else None
    return values


@st.composite
def _structures(draw: DrawFn, cls: type[Structure], *, lies: bool) -> Structure:
    return cls(**_draw_fields(draw, cls.FIELDS, lies=lies))


@cache
def structures(cls: type[Structure], *, lies: bool = False) -> SearchStrategy[Structure]:
    """A structure of that class; with `lies` its lengths and counts may say anything."""
    return _structures(cls, lies=lies)


@cache
def _structure_lists(cls: type[Structure], *, lies: bool) -> SearchStrategy[tuple[Structure, ...]]:
    one = structures(cls, lies=lies)  # type: ignore[arg-type]  # a class is hashable
    return st.lists(one, max_size=3).map(tuple)


@st.composite
def _payload(draw: DrawFn, cls: type[Payload], *, lies: bool) -> Payload:
    values = _draw_fields(draw, cls.FIELDS, lies=lies)
    seals = any(f.kind == "inner" for f in cls.FIELDS)
    generic = tuple(f for f in Payload.GENERIC if not (seals and f.name == "next"))
    return cls(**values | _draw_fields(draw, generic, lies=lies))


@cache
def payload(cls: type[Payload], *, lies: bool = False) -> SearchStrategy[Payload]:
    """A payload of that class; with `lies` its lengths, counts and Next Payload may say anything."""
    return _payload(cls, lies=lies)


@st.composite
def unknown(draw: DrawFn, major: int) -> Payload:
    """A payload of a type that the version doesn't have."""
    types = [n for n in range(1, 256) if n not in _TYPES[major]]
    return Unknown(draw(st.sampled_from(types)), draw(st.binary(max_size=64)), critical=draw(st.booleans()))


@cache
def payloads(major: int, *, lies: bool = False) -> SearchStrategy[Payload]:
    """Any payload of a version that others may follow, the unknown included."""
    classes = [cls for cls in _PAYLOADS[major] if major != 2 or cls.type not in v2.SEALS]
    known = [payload(cls, lies=lies) for cls in classes]  # type: ignore[arg-type]  # a class is hashable
    return st.one_of(*known, unknown(major))


@cache
def chains(major: int, *, lies: bool = False) -> SearchStrategy[tuple[Payload, ...]]:
    """Up to six payloads; in version 2 a sealed one may end them."""
    chain = st.lists(payloads(major, lies=lies), max_size=6).map(tuple)
    if major == 1:
        return chain
    sealed = st.one_of(payload(v2.Encrypted, lies=lies), payload(v2.EncryptedFragment, lies=lies))
    return st.one_of(chain, st.builds(lambda first, last: (*first, last), chain, sealed))


@st.composite
def messages(draw: DrawFn, major: int | None = None, *, lies: bool = False) -> Message:
    """A whole message of version 1 or 2; honest ones are decoded as they were made."""
    major = draw(st.sampled_from([1, 2])) if major is None else major
    flags = draw(st.integers(0, 255))
    chain: tuple[Payload, ...]
    if major == 1 and flags & 1:
        chain = (Ciphertext(draw(st.integers(0, 255)), draw(st.binary(max_size=64))),)
    else:
        chain = draw(chains(major, lies=lies))
    return Message(
        spi_i=draw(st.binary(min_size=8, max_size=8)),
        spi_r=draw(st.one_of(st.just(bytes(8)), st.binary(min_size=8, max_size=8))),
        exchange=draw(st.one_of(st.sampled_from(_EXCHANGES[major]), st.integers(0, 255))),
        flags=flags,
        message_id=draw(st.integers(0, 0xFFFFFFFF)),
        payloads=chain,
        version=major << 4,
        next_payload=draw(st.one_of(st.none(), st.integers(0, 255))) if lies else None,
        length=draw(st.one_of(st.none(), st.integers(0, 0xFFFFFFFF))) if lies else None,
        trailing=draw(st.binary(max_size=8)) if lies else b"",
    )
