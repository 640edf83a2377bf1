"""boofuzz blocks made of the same declarations as the codec; the only module here that imports boofuzz.

Lengths follow what was mutated beside them, in one pass per block, and are elements to mutate themselves.
"""

from collections.abc import Iterable
from typing import Any

from boofuzz import BitField, Block, Bytes, Request
from boofuzz.mutation_context import MutationContext

from harness.wire.fields import Ciphertext, Field, Payload, Structure, Unknown
from harness.wire.message import Message

_WIDTH = {"u8": 8, "u16": 16, "u24": 24, "u32": 32, "u15": 16}
MAX_OCTETS = 4096
"""The longest value that a mutation gives a field without a bound of its own."""


class Told(BitField):  # type: ignore[misc]  # boofuzz is untyped
    """A length: what its block measured, unless the mutation at hand says otherwise."""

    def __init__(self, name: str, width: int, measures: str, unit: int, lie: int | None) -> None:
        super().__init__(name, default_value=lie or 0, width=width, endian=">")
        self.measures = measures
        self.unit = unit
        self.lie = lie
        self.octets = width // 8

    def tell(self, measured: int, context: MutationContext) -> bytes:
        """The octets of the field where `measured` octets were counted."""
        if self.lie is not None or self.qualified_name in context.mutations:
            told: bytes = self.render(context)
            return told
        number: int = measured * self.unit % (1 << 8 * self.octets)
        return number.to_bytes(self.octets, "big")


class Padding(Bytes):  # type: ignore[misc]  # boofuzz is untyped
    """What fills the field `of` up to four octets, unless the mutation at hand says otherwise."""

    def __init__(self, name: str, of: str, said: bytes) -> None:
        super().__init__(name, default_value=said, max_len=8)
        self.of = of

    def fill(self, size: int, context: MutationContext) -> bytes:
        """The padding after `size` octets."""
        if self.original_value() or self.qualified_name in context.mutations:
            filled: bytes = self.render(context)
            return filled
        return bytes(-size & 3)


class Measured(Block):  # type: ignore[misc]  # boofuzz is untyped
    """A block that renders its other elements first and tells its lengths from them."""

    def encode(self, value: object, mutation_context: MutationContext | None) -> bytes:  # noqa: ARG002  boofuzz gives it
        """The octets of all elements, in order."""
        context = mutation_context or MutationContext()
        pieces: dict[str, bytes] = {}
        for child in self.stack:
            if isinstance(child, Padding):
                pieces[child.name] = child.fill(len(pieces[child.of]), context)
            elif not isinstance(child, Told):
                pieces[child.name] = child.render(context)
        told = [child for child in self.stack if isinstance(child, Told)]
        total = sum(map(len, pieces.values())) + sum(child.octets for child in told)
        for child in told:
            measured = total if child.measures == "self" else len(pieces[child.measures])
            pieces[child.name] = child.tell(measured, context)
        return b"".join(pieces[child.name] for child in self.stack)


def _number(name: str, width: int, value: int) -> Any:
    return BitField(name, default_value=int(value), width=width, endian=">")


def _list(name: str, items: tuple[Structure, ...]) -> Any:
    left = range(len(items) - 1, -1, -1)
    blocks = [
        Measured(f"{place}", children=_elements(item, item.FIELDS, more=more > 0))
        for place, (item, more) in enumerate(zip(items, left, strict=True))
    ]
    return Block(name, children=blocks)


def _truth(thing: Any, field: Field, *, more: bool, following: int) -> int:
    """What a field that tells something static says."""
    if field.follows:
        return following
    if field.more:
        return field.more if more else 0
    if field.count_of:
        return len(getattr(thing, field.count_of))
    items = getattr(thing, field.length_of or "")
    return len(items[0]) if items else 0


def _number_element(
    thing: Any, field: Field, fields: tuple[Field, ...], *, more: bool, following: int
) -> Any:
    value, width = getattr(thing, field.name), _WIDTH[field.kind]
    measures = field.length_of or field.bits_of
    kinds = {f.name: f.kind for f in fields}
    short = next((f.name for f in fields if f.kind == "short_or_long"), None)
    if short is not None and isinstance(getattr(thing, short), int):
        if field.kind == "u15":
            return _number(field.name, width, value | 0x8000)
        return _number(field.name, width, getattr(thing, short) if value is None else value)
    if field.kind == "u15" and "bit" in kinds.values():
        top = next(f.name for f in fields if f.kind == "bit")
        return _number(field.name, width, getattr(thing, top) << 15 | value)
    if measures and kinds.get(measures) != "strings":
        return Told(field.name, width, measures, 8 if field.bits_of else 1, value)
    if value is None:
        value = _truth(thing, field, more=more, following=following)
    return _number(field.name, width, value)


def _octets_element(field: Field, fields: tuple[Field, ...], value: Any) -> Any:
    if field.kind in {"octets", "half", "rest"}:
        sized_by = next((f for f in fields if f.name == field.size), None)
        bound = 255 if sized_by is not None and sized_by.kind == "u8" else MAX_OCTETS
        return Bytes(field.name, default_value=value, max_len=bound)
    if field.kind == "short_or_long":
        return None if isinstance(value, int) else Bytes(field.name, default_value=value, max_len=MAX_OCTETS)
    if field.kind == "padding":
        return Padding(field.name, field.size or "", value or b"")
    if field.kind == "strings":
        items = [Bytes(f"{n}", default_value=item, max_len=255) for n, item in enumerate(value)]
        return Block(field.name, children=items)
    if field.kind == "structures":
        return _list(field.name, value)
    if field.kind == "optional" and value is not None:
        return Measured(field.name, children=_elements(value, value.FIELDS))
    return None


def _elements(thing: Any, fields: tuple[Field, ...], *, more: bool = False, following: int = 0) -> list[Any]:
    """Elements for the fields of a structure or payload, in the order of the wire."""
    elements = []
    for field in fields:
        if field.kind in _WIDTH:
            element = _number_element(thing, field, fields, more=more, following=following)
        else:
            element = _octets_element(field, fields, getattr(thing, field.name))
        if element is not None:
            elements.append(element)
    return elements


def payload_block(payload: Payload, following: int = 0, name: str | None = None) -> Any:
    """A payload, generic header included, before one of type `following`; renders as `payload.encode(following)`."""
    name = name or payload.__class__.__name__
    data = (
        Bytes("data", default_value=payload.data, max_len=MAX_OCTETS)
        if isinstance(payload, Unknown)
        else None
    )
    if isinstance(payload, Ciphertext):
        return Measured(name, children=[data])
    if data is not None:
        generic = _elements(payload, Payload.GENERIC, following=following)
        return Measured(name, children=[*generic, data])
    return Measured(
        name, children=_elements(payload, (*Payload.GENERIC, *payload.FIELDS), following=following)
    )


def chain_blocks(payloads: Iterable[Payload]) -> list[Any]:
    """The payloads of a chain, each a block named by its place and class."""
    chain = tuple(payloads)
    following = [*(p.type for p in chain[1:]), 0]
    return [
        payload_block(payload, follower, f"{place}_{payload.__class__.__name__}")
        for place, (payload, follower) in enumerate(zip(chain, following, strict=False))
    ]


def message_request(message: Message, name: str) -> Any:
    """A boofuzz Request that renders as `message.encode()` and mutates every field of it."""
    first = message.payloads[0].type if message.payloads else 0
    elements = [
        Bytes("spi_i", default_value=message.spi_i, size=8),
        Bytes("spi_r", default_value=message.spi_r, size=8),
        _number("next_payload", 8, first if message.next_payload is None else message.next_payload),
        _number("version", 8, message.version),
        _number("exchange", 8, message.exchange),
        _number("flags", 8, message.flags),
        _number("message_id", 32, message.message_id),
        Told("length", 32, "self", 1, message.length),
        Block("payloads", children=chain_blocks(message.payloads)),
    ]
    if message.trailing:
        elements.append(Bytes("trailing", default_value=message.trailing, max_len=MAX_OCTETS))
    return Request(name, children=Measured("message", children=elements))
