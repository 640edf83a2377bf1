"""Straight-line Python for declared fields, made once at import; nothing interprets a declaration per message."""

import linecache
from collections.abc import Callable, Iterable
from struct import Struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.wire.fields import Field

MISSING: Any = object()
"""The default of a field that has none."""

_CODES = {"u8": "B", "u16": "H", "u24": "BH", "u32": "I", "u15": "H"}
_NUMBERS = frozenset(_CODES) | {"bit"}
_WHOLE = frozenset({"u8", "u16", "u32"})
_TO_THE_END = frozenset({"rest", "strings", "structures"})


class Broken(Exception):
    """Octets don't read as what their type says; caught where the chain is read, where it becomes a value."""


class _Code:
    """Lines of one function's source and the names they use."""

    def __init__(self, cls: type[Any], fields: tuple["Field", ...], *, hasty: bool = False) -> None:
        self.cls = cls
        self.fields = fields
        self.hasty = hasty
        self.names: dict[str, Any] = {"cls": cls, "new": cls.__new__, "Broken": Broken}
        self.lines: list[str] = []
        self.own_length = any(f.length_of == "self" for f in fields)
        self.told_by = {f.length_of or f.bits_of or f.count_of: f for f in fields if f.told}
        self.counts = {f.count_of: f for f in fields if f.count_of}
        self.asked = {f.when[0] for f in fields if f.when}
        self.padded = {f.size for f in fields if f.kind == "padding"}
        self.done: dict[str, str] = {f.name: "" for f in fields if f.kind == "inner"}
        self.at = "p"
        self.indent = 1

    def __call__(self, *lines: str) -> None:
        self.lines.extend("    " * self.indent + line for line in lines)

    def refuse(self, condition: str, why: str) -> None:
        """Lines that end the reading; in haste without a reason, for it is read again to find one."""
        said = f"f'{self.cls.__name__}{why}'"
        self(f"if {condition}:", "    raise Broken" if self.hasty else f"    raise Broken({said})")

    def bind(self, name: str, value: object) -> str:
        """A name under which the generated source finds `value`."""
        self.names[name] = value
        return name

    def function(self, signature: str) -> Callable[..., Any]:
        """The function of that signature with the lines written so far."""
        name = signature.partition("(")[0]
        source = "\n".join((f"def {signature}:", *self.lines, ""))
        place = f"<{self.cls.__module__}.{self.cls.__name__}.{name}>"
        linecache.cache[place] = (len(source), None, source.splitlines(True), place)
        exec(compile(source, place, "exec"), self.names)  # noqa: S102  (our own declarations, at import)
        made: Callable[..., Any] = self.names[name]
        made.__qualname__ = f"{self.cls.__qualname__}.{name}"
        made.__module__ = self.cls.__module__
        return made

    def runs(self) -> list[list["Field"]]:
        """The fields, neighbouring numbers together."""
        runs: list[list[Field]] = []
        for field in self.fields:
            if field.kind == "inner":
                continue
            if runs and field.kind in _NUMBERS and runs[-1][0].kind in _NUMBERS:
                runs[-1].append(field)
            else:
                runs.append([field])
        return runs


# --- decode -------------------------------------------------------------------------------------


def _targets(code: _Code, run: list["Field"]) -> tuple[list[str], list[str]]:
    """Where unpacked numbers go, and the lines that part those that share octets."""
    targets: list[str] = []
    after: list[str] = []
    for place, field in enumerate(run):
        name = f"f_{field.name}"
        if field.kind in _WHOLE and field.name not in code.asked and (field.follows or not field.told):
            targets.append(f"self.{field.name}")
            code.done[field.name] = ""
        elif field.kind == "u24":
            targets += [f"{name}_high", name]
            after.append(f"{name} |= {name}_high << 16")
        elif field.kind == "u15" and place and run[place - 1].kind == "bit":
            top = f"f_{run[place - 1].name}"
            targets.append(name)
            after += [f"{top} = {name} >> 15", f"{name} &= 0x7FFF"]
        elif field.kind != "bit":
            targets.append(name)
    return targets, after


def _read_numbers(code: _Code, run: list["Field"], index: int, end: str) -> None:
    at, after = code.at, f"after_{index}"
    packing = Struct(">" + "".join(_CODES.get(f.kind, "") for f in run))
    targets, parting = _targets(code, run)
    measured = any(f.length_of == "self" for f in run)
    if not (measured and code.hasty):  # in haste a length that holds is check enough
        code.refuse(
            f"{end} - {at} < {packing.size}",
            f".{run[0].name} wants {packing.size} octets at {{{at}}}, {{{end} - {at}}} left",
        )
    unpack = code.bind(f"unpack_{index}", packing.unpack_from)
    code(f"{', '.join(targets)}{'' if targets[1:] else ','} = {unpack}(octets, {at})", *parting)
    code(f"{after} = {at} + {packing.size}")
    code.at = after
    if measured:
        code(f"stop = {at} + f_length")
        left = f"{{end - {at}}} left"
        code.refuse(f"stop < {after} or stop > end", f".length at {{{at}}} is {{f_length}}, {left}")


def _keep(code: _Code, field: str, value: str) -> None:
    """A line that gives the object a field that nothing reads again."""
    code(f"self.{field} = {value}")
    code.done[field] = ""


def _take(code: _Code, what: str, size: str, end: str) -> str:
    """Lines that check for `size` octets and move on; the expression for them."""
    start, stop = code.at, f"after_{what}"
    left = f"{{{end} - {start}}} left"
    code(f"{stop} = {start} + {size}")
    code.refuse(f"{stop} > {end}", f".{what} wants {{{stop} - {start}}} octets at {{{start}}}, {left}")
    code.at = stop
    return f"octets[{start}:{stop}]"


def _read_octets(code: _Code, field: "Field", end: str) -> None:
    size = f"f_{field.size}"
    bits = code.told_by[field.name].bits_of
    taken = _take(code, field.name, f"({size} + 7 >> 3)" if bits else size, end)
    if field.name in code.padded:
        code(f"f_{field.name} = {taken}")
    else:
        _keep(code, field.name, taken)
    if bits:
        code(f"if {size} == len(f_{field.name}) * 8:", f"    {size} = None")
    else:
        code.done[str(field.size)] = "None"


def _read_padding(code: _Code, field: "Field", end: str) -> None:
    code(f"f_{field.name} = {_take(code, field.name, f'(-len(f_{field.size}) & 3)', end)}")
    code(f"if not f_{field.name}.strip(b'\\0'):", f"    f_{field.name} = None")


def _read_half(code: _Code, field: "Field", end: str) -> None:
    _keep(code, field.name, _take(code, field.name, f"({end} - {code.at} >> 1)", end))


def _read_rest(code: _Code, field: "Field", end: str) -> None:
    _keep(code, field.name, f"octets[{code.at}:{end}]")
    code.at = end


def _read_strings(code: _Code, field: "Field", end: str) -> None:
    size, name, at = f"f_{field.size}", f"f_{field.name}", code.at
    code.refuse(
        f"{end} - {at} if {size} == 0 else ({end} - {at}) % {size}",
        f".{field.name}: {{{end} - {at}}} octets at {{{at}}} are no whole number of {{{size}}}",
    )
    code(
        f"{name} = tuple([octets[i:i + {size}] for i in range({at}, {end}, {size})]) if {size} else ()",
        f"if {name} or {size} == 0:",
        f"    {size} = None",
    )
    code.at = end


def _read_structures(code: _Code, field: "Field", end: str) -> None:
    reader = field.of.read_list if code.hasty else field.of.decode_list
    read = code.bind(f"read_{field.name}", reader)
    code(f"f_{field.name} = {read}(octets, {code.at}, {end}) if {code.at} != {end} else ()")
    code.at = end


def _read_optional(code: _Code, field: "Field", end: str) -> None:
    assert field.when is not None
    read = code.bind(f"read_{field.name}", field.of.decode_one)
    name, after = f"f_{field.name}", f"after_{field.name}"
    code(
        f"{name}, {after} = None, {code.at}",
        f"if f_{field.when[0]} & {field.when[1]}:",
        f"    {name}, {after} = {read}(octets, {code.at}, {end})",
    )
    code.at = after


def _read_value(code: _Code, field: "Field", end: str) -> None:
    place = code.fields.index(field)
    kind, length = code.fields[place - 2].name, code.fields[place - 1].name
    code(
        f"if f_{kind} >= 0x8000:",
        f"    self.{kind} = f_{kind} - 0x8000",
        f"    self.{field.name} = f_{length}",
        f"    after_{field.name} = {code.at}",
        "else:",
    )
    code.indent += 1
    _keep(code, kind, f"f_{kind}")
    _keep(code, field.name, _take(code, field.name, f"f_{length}", end))
    code.indent -= 1
    code.done[length] = "None"


_READING: dict[str, Callable[[_Code, "Field", str], None]] = {
    "octets": _read_octets,
    "padding": _read_padding,
    "half": _read_half,
    "rest": _read_rest,
    "strings": _read_strings,
    "structures": _read_structures,
    "optional": _read_optional,
    "short_or_long": _read_value,
}


def _read_field(code: _Code, field: "Field", end: str) -> None:
    _READING[field.kind](code, field, end)
    count = code.counts.get(field.name)
    if count is not None:
        code(f"if f_{count.name} == len(f_{field.name}):", f"    f_{count.name} = None")


def _read_fields(code: _Code) -> str:
    """Lines that read every field from `p` on; the name of the variable that holds the end."""
    code("self = new(cls)")
    end = "end"
    for index, run in enumerate(code.runs()):
        if run[0].kind not in _NUMBERS:
            _read_field(code, run[0], end)
            continue
        _read_numbers(code, run, index, end)
        if any(f.length_of == "self" for f in run):
            code.done.setdefault("length", "None")
            end = "stop"
    return end


def _leftover(code: _Code, end: str) -> None:
    if code.fields[-1].kind in _TO_THE_END:
        return
    code.refuse(f"{code.at} != {end}", f": {{{end} - {code.at}}} octets left over at {{{code.at}}}")


def _fill(code: _Code) -> None:
    """Lines that give the object those fields that it did not get where they were read."""
    more = next((f for f in code.fields if f.more), None)
    if more is not None:
        truth = f"(0 if {code.at} == end else {more.more})"
        _keep(code, more.name, f"None if f_{more.name} == {truth} else f_{more.name}")
    values = ((f.name, code.done.get(f.name, f"f_{f.name}")) for f in code.fields)
    code(*(f"self.{name} = {value}" for name, value in values if value))


# --- encode -------------------------------------------------------------------------------------


def _number(code: _Code, field: "Field") -> str:
    """The expression that a number is packed from; `v_…` are the octets already made."""
    said = f"self.{field.name}"
    if field.length_of == "self":
        truth = "size"
    elif field.length_of:
        kind = next(f.kind for f in code.fields if f.name == field.length_of)
        value = f"v_{field.length_of}"
        truth = f"len({value})"
        if kind == "strings":
            truth = f"(len(self.{field.length_of}[0]) if self.{field.length_of} else 0)"
    elif field.bits_of:
        truth = f"len(v_{field.bits_of}) * 8"
    elif field.count_of:
        truth = f"len(self.{field.count_of})"
    elif field.follows:
        truth = "following"
    elif field.more:
        truth = f"({field.more} if left else 0)"
    else:
        return said
    return f"{truth} if {said} is None else {said}"


def _pack(code: _Code, run: list["Field"], index: int) -> str:
    packing = Struct(">" + "".join(_CODES.get(f.kind, "") for f in run))
    values: list[str] = []
    short = next((f for f in code.fields if f.kind == "short_or_long"), None)
    for place, field in enumerate(run):
        said = f"self.{field.name}"
        if field.kind == "u24":
            values += [f"{said} >> 16", f"{said} & 0xFFFF"]
        elif field.kind == "u15" and short is not None:
            values.append(f"{said} | form")
        elif field.kind == "u15" and place and run[place - 1].kind == "bit":
            values.append(f"self.{run[place - 1].name} << 15 | {said}")
        elif short is not None and field.length_of == short.name:
            values.append("number")
        elif field.kind != "bit":
            values.append(_number(code, field))
    return f"{code.bind(f'pack_{index}', packing.pack)}({', '.join(values)})"


def _write_field(code: _Code, field: "Field") -> None:
    """Lines that put the octets of one field into `v_<name>`."""
    value, said = f"v_{field.name}", f"self.{field.name}"
    if field.kind == "strings":
        code(f"{value} = b''.join({said})")
    elif field.kind == "structures":
        write = code.bind(f"write_{field.name}", field.of.encode_list)
        code(f"{value} = {write}({said}) if {said} else b''")
    elif field.kind == "optional":
        code(f"{value} = b'' if {said} is None else {said}.encode()")
    elif field.kind == "padding":
        code(f"{value} = bytes(-len(v_{field.size}) & 3) if {said} is None else {said}")
    elif field.kind == "short_or_long":
        length = f"self.{code.fields[code.fields.index(field) - 1].name}"
        code(f"{value} = {said}", f"if {value}.__class__ is bytes:")
        code(f"    form, number = 0, len({value}) if {length} is None else {length}")
        code("else:", f"    form, number, {value} = 0x8000, {value} if {length} is None else {length}, b''")
    else:
        code(f"{value} = {said}")


def _write_fields(code: _Code) -> str:
    """Lines that make the octets of every field, and the expression that joins them."""
    runs = code.runs()
    for run in runs:
        if run[0].kind not in _NUMBERS:
            _write_field(code, run[0])
    if code.own_length:
        fixed = sum(Struct(">" + "".join(_CODES.get(f.kind, "") for f in run)).size for run in runs)
        parts = [f"len(v_{run[0].name})" for run in runs if run[0].kind not in _NUMBERS]
        code(f"size = {' + '.join([str(fixed), *parts])}")
    joined = [
        _pack(code, run, index) if run[0].kind in _NUMBERS else f"v_{run[0].name}"
        for index, run in enumerate(runs)
    ]
    return " + ".join(joined) or "b''"


# --- what a declaration becomes --------------------------------------------------------------------


def payload_codec(
    cls: type[Any], generic: tuple["Field", ...], fields: tuple["Field", ...]
) -> dict[str, Any]:
    """`read`, `decode_body` and `encode` of a payload.

    `read(octets, at, end)` reads generic header and fields in haste, and leaves what the header says in `next`
    and `length`; what it refuses `decode_body(octets, at, end, flags)` refuses with a reason.
    """
    haste = _Code(cls, generic + fields, hasty=True)
    haste.done["length"] = "f_length"
    _leftover(haste, _read_fields(haste))
    _fill(haste)
    haste("return self")
    read = _Code(cls, fields)
    end = _read_fields(read)
    _leftover(read, end)
    _fill(read)
    seals = any(f.kind == "inner" for f in fields)
    read("self.flags = flags", f"self.next = {0 if seals else None}", "self.length = None", "return self")
    write = _Code(cls, generic + fields)
    write(f"return {_write_fields(write)}")
    members: dict[str, Any] = {
        "read": staticmethod(haste.function("read(octets, p, end)")),
        "decode_body": staticmethod(read.function("decode_body(octets, p, end, flags)")),
        "encode": write.function("encode(self, following=0)"),
    }
    if seals:
        members["inner"] = property(lambda self: self.next, doc="The first inner payload's type.")
    return members


def structure_codec(cls: type[Any], fields: tuple["Field", ...]) -> dict[str, Any]:
    """`read_list`, `decode_list`, `decode_one` (octets, at, end) and `encode_list(items)` of a structure."""
    return {
        "read_list": staticmethod(_list_reader(cls, fields, hasty=True)),
        "decode_list": staticmethod(_list_reader(cls, fields, hasty=False)),
        "decode_one": staticmethod(_one_reader(cls, fields)),
        "encode_list": staticmethod(_list_writer(cls, fields)),
    }


def _list_reader(cls: type[Any], fields: tuple["Field", ...], *, hasty: bool) -> Callable[..., Any]:
    code = _Code(cls, fields, hasty=hasty)
    code("items = []", "while p < end:")
    code.indent += 1
    end = _read_fields(code)
    if code.own_length:
        _leftover(code, end)
    _fill(code)
    code(f"if {code.at} == end and not items:", "    return (self,)")
    code("items.append(self)", f"p = {code.at}")
    code.indent -= 1
    code("return tuple(items)")
    return code.function(f"{'read' if hasty else 'decode'}_list(octets, p, end)")


def _one_reader(cls: type[Any], fields: tuple["Field", ...]) -> Callable[..., Any]:
    code = _Code(cls, fields)
    end = _read_fields(code)
    if code.own_length:
        _leftover(code, end)
    _fill(code)
    code(f"return self, {code.at}")
    return code.function("decode_one(octets, p, end)")


def _list_writer(cls: type[Any], fields: tuple["Field", ...]) -> Callable[..., Any]:
    code = _Code(cls, fields)
    code("parts = []", "left = len(items)", "for self in items:")
    code.indent += 1
    code("left -= 1")
    code(
        f"part = {_write_fields(code)}", "if not left and not parts:", "    return part", "parts.append(part)"
    )
    code.indent -= 1
    code("return b''.join(parts)")
    return code.function("encode_list(items)")


def shape(cls: type[Any], fields: Iterable["Field"]) -> dict[str, Any]:
    """Constructor, comparison, hash and repr over the fields; positional ones first."""
    ordered = sorted(fields, key=lambda f: f.kw_only)
    names = tuple(f.name for f in ordered)
    init = _Code(cls, ())
    arguments = ["self"]
    for field in ordered:
        if field.kw_only and "*" not in arguments:
            arguments.append("*")
        if field.default is MISSING:
            arguments.append(field.name)
        else:
            arguments.append(f"{field.name}={init.bind(f'd_{field.name}', field.default)}")
    init(*(f"self.{'next' if f.kind == 'inner' else f.name} = {f.name}" for f in ordered))
    return {
        "NAMES": names,
        "__match_args__": tuple(f.name for f in ordered if not f.kw_only),
        "__init__": init.function(f"__init__({', '.join(arguments)})"),
        "__eq__": _equality(cls, names),
        "__hash__": _hash(cls, names),
        "__repr__": _repr(ordered),
    }


def _equality(cls: type[Any], names: tuple[str, ...]) -> Callable[..., Any]:
    code = _Code(cls, ())
    code("if other.__class__ is not self.__class__:", "    return NotImplemented")
    code("return " + (" and ".join(f"self.{n} == other.{n}" for n in names) or "True"))
    return code.function("__eq__(self, other)")


def _hash(cls: type[Any], names: tuple[str, ...]) -> Callable[..., Any]:
    code = _Code(cls, ())
    code(f"return hash(({', '.join(f'self.{n}' for n in names)},))")
    return code.function("__hash__(self)")


def _repr(fields: Iterable["Field"]) -> Callable[[Any], str]:
    shown = tuple((f.name, f.default) for f in fields)

    def represent(self: Any) -> str:
        values = ((name, getattr(self, name), default) for name, default in shown)
        said = ", ".join(f"{name}={value!r}" for name, value, default in values if value != default)
        return f"{self.__class__.__name__}({said})"

    return represent
