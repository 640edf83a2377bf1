"""The language in which payloads are declared; from a declaration follow decode, encode, strategy and block."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

from harness.codes import Code, name_of
from harness.wire import generate
from harness.wire.generate import MISSING

T = TypeVar("T")
GENERIC_HEADER = Struct(">BBH")


@dataclass(slots=True, eq=False)
class Field:
    """One field of a declaration, in the order of the wire; `name` is filled in by the decorator."""

    kind: str
    default: Any = MISSING
    kw_only: bool = False
    names: type[Code] | None = None
    length_of: str | None = None
    bits_of: str | None = None
    count_of: str | None = None
    size: str | None = None
    of: Any = None
    when: tuple[str, int] | None = None
    more: int = 0
    follows: bool = False
    name: str = ""

    @property
    def told(self) -> bool:
        """Whether the field says something that follows from the others: None means the truth."""
        return bool(self.length_of or self.bits_of or self.count_of or self.more or self.follows)


def u8(
    *,
    default: Any = MISSING,
    kw_only: bool = False,
    names: type[Code] | None = None,
    length_of: str | None = None,
    count_of: str | None = None,
    more: int = 0,
    follows: bool = False,
) -> Any:
    """An octet. `more` is what it holds in all but the last structure of a list, where it holds 0;
    one that `follows` holds the type of the next payload.
    """
    return Field("u8", default, kw_only, names, length_of, None, count_of, more=more, follows=follows)


def u16(
    *,
    default: Any = MISSING,
    kw_only: bool = False,
    names: type[Code] | None = None,
    length_of: str | None = None,
    bits_of: str | None = None,
    count_of: str | None = None,
) -> Any:
    """Two octets; `length_of="self"` counts the whole structure, `bits_of` counts bits of octets."""
    return Field("u16", default, kw_only, names, length_of, bits_of, count_of)


def u24(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """Three octets."""
    return Field("u24", default, kw_only)


def u32(*, default: Any = MISSING, kw_only: bool = False, names: type[Code] | None = None) -> Any:
    """Four octets."""
    return Field("u32", default, kw_only, names)


def bit(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """The top bit of two octets; a `u15` must follow."""
    return Field("bit", default, kw_only)


def u15(*, default: Any = MISSING, kw_only: bool = False, names: type[Code] | None = None) -> Any:
    """The lower fifteen bits of two octets, after a `bit` or before a value that decides the top bit."""
    return Field("u15", default, kw_only, names)


def octets(*, size: str, default: Any = MISSING, kw_only: bool = False) -> Any:
    """As many octets as the field named `size` says."""
    return Field("octets", default, kw_only, size=size)


def padding(*, of: str, default: Any = None, kw_only: bool = True) -> Any:
    """What fills the octets of field `of` up to a multiple of four; None: zeros."""
    return Field("padding", default, kw_only, size=of)


def half(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """The first half of the octets that are left."""
    return Field("half", default, kw_only)


def rest(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """All octets that are left."""
    return Field("rest", default, kw_only)


def strings(*, size: str, default: Any = MISSING, kw_only: bool = False) -> Any:
    """Octet strings of one size (the field named `size`) until the octets end, as a tuple."""
    return Field("strings", default, kw_only, size=size)


def structures(of: Any, *, default: Any = MISSING, kw_only: bool = False) -> Any:
    """Structures of one kind until the octets end, as a tuple."""
    return Field("structures", default, kw_only, of=of)


def optional(of: Any, *, when: tuple[str, int], default: Any = None, kw_only: bool = True) -> Any:
    """One structure, there when the field named `when[0]` has a bit of `when[1]`; else None."""
    return Field("optional", default, kw_only, of=of, when=when)


def short_or_long(*, default: Any = MISSING, kw_only: bool = False) -> Any:
    """An attribute's value: a number in the short form, octets in the long one (RFC 2408 §3.3)."""
    return Field("short_or_long", default, kw_only)


def inner(*, default: Any = 0, kw_only: bool = True) -> Any:
    """The generic header's Next Payload where it names what is sealed inside; the chain ends here."""
    return Field("inner", default, kw_only)


@dataclass_transform(
    field_specifiers=(
        u8,
        u16,
        u24,
        u32,
        bit,
        u15,
        octets,
        padding,
        half,
        rest,
        strings,
        structures,
        optional,
        short_or_long,
        inner,
    )
)
class Declared:
    """What is made of declared fields; the type checker knows its constructor from them."""

    __slots__ = ()
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    NAMES: ClassVar[tuple[str, ...]] = ()
    rfc: ClassVar[str] = ""


class Structure(Declared):
    """A declared run of fields; `encode` gives its octets."""

    __slots__ = ()
    read_list: ClassVar[Callable[[bytes, int, int], tuple[Any, ...]]]
    decode_list: ClassVar[Callable[[bytes, int, int], tuple[Any, ...]]]
    encode_list: ClassVar[Callable[[tuple[Any, ...]], bytes]]

    def encode(self) -> bytes:
        """The octets of this structure, as the last of its list."""
        return type(self).encode_list((self,))

    def __str__(self) -> str:
        return describe(self)


def _declared(cls: type[T], rfc: str) -> tuple[type[T], tuple[Field, ...]]:
    """The class with its fields taken out of its namespace, and the fields in order."""
    fields = []
    namespace = dict(cls.__dict__)
    for name in inspect.get_annotations(cls):
        field = namespace.get(name)
        if isinstance(field, Field):
            field.name = name
            fields.append(field)
            del namespace[name]
    inherited: tuple[Field, ...] = () if fields else getattr(cls, "FIELDS", ())
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    namespace["rfc"] = rfc
    namespace["__slots__"] = tuple(f.name for f in fields if f.kind != "inner")
    namespace["FIELDS"] = tuple(fields) or inherited
    # __slots__ must stand in the namespace a class is made from, so the class is made again.
    made: type[T] = type(cls.__name__, cls.__bases__, namespace)
    return made, tuple(fields) or inherited


def _add(cls: type[Any], members: Mapping[str, Any]) -> None:
    for name, member in members.items():
        setattr(cls, name, member)


def structure(*, rfc: str) -> Callable[[type[T]], type[T]]:
    """A class of fields becomes a structure: constructor, comparison, `decode_list` and `encode_list`."""

    def decorate(cls: type[T]) -> type[T]:
        made, fields = _declared(cls, rfc)
        _add(made, generate.shape(made, fields))
        _add(made, generate.structure_codec(made, fields))
        return made

    return decorate


def _generic_header(cls: type[T]) -> type[T]:
    made, fields = _declared(cls, "7296/3.2")
    _add(made, {"GENERIC": fields, "FIELDS": ()})
    return made


@_generic_header
class Payload(Declared):
    """A payload: its own fields, and those of the generic header that can lie.

    `flags` is the whole octet after Next Payload. `next` and `length` are None for the truth.
    """

    GENERIC: ClassVar[tuple[Field, ...]]
    label: ClassVar[str] = ""
    type: ClassVar[int] = 0
    read: ClassVar[Callable[[bytes, int, int], Any]]
    decode_body: ClassVar[Callable[[bytes, int, int, int], Any]]

    next: int | None = u8(follows=True, default=None, kw_only=True)
    flags: int = u8(default=0, kw_only=True)
    length: int | None = u16(length_of="self", default=None, kw_only=True)

    @property
    def critical(self) -> bool:
        """The critical bit of version 2 (RFC 7296 §3.2)."""
        return bool(self.flags & 0x80)

    @property
    def body(self) -> bytes:
        """The octets after the generic header."""
        return self.encode()[4:]

    def encode_body(self) -> bytes:
        """The octets after the generic header."""
        return self.encode()[4:]

    def encode(self, following: int = 0) -> bytes:
        """The octets, generic header included; struct.error for a number beyond its field.

        `following` is the type of the payload after this one, which stands in Next Payload unless `next` says otherwise.
        """
        raise NotImplementedError

    def __str__(self) -> str:
        return self.label + ("!" if self.flags & 0x80 else "")


def payload(type_: int, *, rfc: str) -> Callable[[type[T]], type[T]]:
    """A class of fields becomes the payload of that type; without fields of its own it keeps its parent's."""

    def decorate(cls: type[T]) -> type[T]:
        made, fields = _declared(cls, rfc)
        seals = any(f.kind == "inner" for f in fields)
        generic = tuple(f for f in Payload.GENERIC if not (seals and f.name == "next"))
        _add(made, {"type": int(type_)})
        _add(made, generate.shape(made, (*fields, *generic)))
        _add(made, generate.payload_codec(made, Payload.GENERIC, fields))
        return made

    return decorate


class Unknown(Payload):
    """A payload of a type that this version's table doesn't have."""

    __slots__ = ("data", "type")
    NAMES: ClassVar[tuple[str, ...]] = ("type", "data", "flags", "next", "length")
    type: int  # type: ignore[misc]  # the type is the object's here, not the class's
    data: bytes

    def __init__(
        self,
        type: int,  # noqa: A002  (the field's name)
        data: bytes = b"",
        *,
        critical: bool = False,
        flags: int = 0,
        next: int | None = None,  # noqa: A002  (the field's name)
        length: int | None = None,
    ) -> None:
        self.type = type
        self.data = data
        self.flags = flags | 0x80 if critical else flags
        self.next = next
        self.length = length

    def encode(self, following: int = 0) -> bytes:
        """Generic header and octets."""
        kind = following if self.next is None else self.next
        length = len(self.data) + 4 if self.length is None else self.length
        return GENERIC_HEADER.pack(kind, self.flags, length) + self.data

    def _key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.NAMES if name != "why")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        assert isinstance(other, Unknown)
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.NAMES)
        return f"{self.__class__.__name__}({inside})"

    def __str__(self) -> str:
        return f"{self.type}{'!' if self.critical else ''}"


class Malformed(Unknown):
    """A payload of a known type whose octets don't read as that type's; `why` says where."""

    __slots__ = ("why",)
    NAMES: ClassVar[tuple[str, ...]] = ("type", "data", "why", "flags", "next", "length")
    why: str

    def __init__(
        self,
        type: int,  # noqa: A002  (the field's name)
        data: bytes = b"",
        why: str = "",
        *,
        flags: int = 0,
        next: int | None = None,  # noqa: A002  (the field's name)
        length: int | None = None,
    ) -> None:
        Unknown.__init__(self, type, data, flags=flags, next=next, length=length)
        self.why = why

    def __str__(self) -> str:
        return f"malformed {self.type}{'!' if self.critical else ''}"


class Ciphertext(Unknown):
    """All that follows the header of an encrypted version 1 message; it has no generic header.

    `type` is the header's Next Payload: the first payload's once opened.
    """

    __slots__ = ()

    def encode(self, following: int = 0) -> bytes:  # noqa: ARG002  (nothing says what follows)
        """The octets as they are."""
        return self.data

    @property
    def body(self) -> bytes:
        """All the octets."""
        return self.data

    def encode_body(self) -> bytes:
        """All the octets."""
        return self.data

    def __str__(self) -> str:
        return f"encrypted {len(self.data)} octets"


class Named(Protocol):
    """Anything that tells the names its constructor takes."""

    NAMES: ClassVar[tuple[str, ...]]


_N = TypeVar("_N", bound=Named)


def replace(thing: _N, **changes: Any) -> _N:
    """A copy with some fields changed; TypeError for a field that isn't there."""
    values = {name: getattr(thing, name) for name in type(thing).NAMES}
    return type(thing)(**values | changes)


def _told(value: object, names: type[Code] | None) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{value[:32].hex()}… ({len(value)} octets)"
    if isinstance(value, tuple):
        return "[" + ", ".join(_told(item, None) for item in value) + "]"
    if isinstance(value, int) and names is not None:
        return name_of(names, value)
    return str(value)


def describe(thing: Structure | Payload) -> str:
    """One printable line: every field that differs from its default, code points by name."""
    if isinstance(thing, Unknown):
        why = f", {thing.why}" if isinstance(thing, Malformed) else ""
        return f"{thing.__class__.__name__}({thing}: {_told(thing.data, None)}{why})"
    seals = any(f.kind == "inner" for f in thing.FIELDS)
    generic = thing.GENERIC if isinstance(thing, Payload) else ()
    said = []
    for field in (*thing.FIELDS, *(f for f in generic if not (seals and f.name == "next"))):
        value = getattr(thing, field.name)
        if (field.kw_only or field.told) and value == field.default:
            continue
        said.append(f"{field.name}={_told(value, field.names)}")
    return f"{thing.__class__.__name__}({', '.join(said)})"


__all__ = [
    "MISSING",
    "Ciphertext",
    "Field",
    "Malformed",
    "Payload",
    "Structure",
    "Unknown",
    "bit",
    "describe",
    "half",
    "inner",
    "octets",
    "optional",
    "padding",
    "payload",
    "replace",
    "rest",
    "short_or_long",
    "strings",
    "structure",
    "structures",
    "u8",
    "u15",
    "u16",
    "u24",
    "u32",
]
