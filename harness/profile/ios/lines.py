"""A configuration text cut into lines and words; every complaint names its file and line, never a secret."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple, NoReturn, TypeVar

from harness.record import printable

T = TypeVar("T")

EXTRA = "ike-harness"
"""A comment that begins with this word says what IOS has no command for."""


class Note(NamedTuple):
    """Something worth knowing about a line; line 0 is the text as a whole."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


def place(file: str, line: int) -> str:
    """Where something stands; what no line says, and the whole text leaves open, is a matter of the file."""
    return f"{file}:{line}" if line else file


class ConfigurationError(ValueError):
    """A text that cannot be played: where, and why; its words never hold a secret."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{place(printable(file), line)}: {reason}")
        self.file, self.line, self.reason = file, line, reason


class Refused(Exception):
    """A line that cannot be played, before it is known which file it stands in."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


@dataclass(frozen=True, slots=True)
class Line:
    """One command: where it stands, whether it is indented, and its words, which may hold a key."""

    number: int
    indented: bool
    words: tuple[str, ...] = field(repr=False)
    extra: bool = False
    """It is a comment for this harness: `! ike-harness …`, without these two words."""

    def refuse(self, reason: str) -> NoReturn:
        """Refused, with this line's number."""
        raise Refused(self.number, reason)


_ONE_LINE = ("crypto", "ipsec", "profile")


def lines_of(text: str) -> Iterator[Line]:
    """The commands of a text, comments left out; an IPsec profile told on one line is cut into its commands."""
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = _line(number, raw)
        if line is None:
            continue
        if line.words[:3] == _ONE_LINE and len(line.words) > 4:
            yield from _cut(line)
        else:
            yield line


def _line(number: int, raw: str) -> Line | None:
    words = tuple(raw.split())
    if not words:
        return None
    if not words[0].startswith("!"):
        return Line(number, raw[0].isspace(), words)
    spoken = tuple(raw.strip().lstrip("!").split())
    if len(spoken) > 1 and spoken[0] == EXTRA:
        return Line(number, False, spoken[1:], extra=True)
    return None


def _cut(line: Line) -> Iterator[Line]:
    """`crypto ipsec profile vti set … set … responder-only`: the header, then a line for each command."""
    yield Line(line.number, line.indented, line.words[:4])
    rest = line.words[4:]
    starts = [at for at, word in enumerate(rest) if _starts_command(rest, at, word)]
    if not starts or starts[0] != 0:
        line.refuse(f"`{printable(rest[0])}` doesn't begin a command of an IPsec profile")
    for start, end in zip(starts, [*starts[1:], len(rest)], strict=True):
        yield Line(line.number, True, rest[start:end])


def _starts_command(words: tuple[str, ...], at: int, word: str) -> bool:
    if at and words[at - 1] == "no":
        return False
    return word in ("set", "no", "description") or looks_like_responder_only(word)


def looks_like_responder_only(word: str) -> bool:
    """The command, or a misspelling, an abbreviation or another case of it."""
    lower = word.lower()
    abbreviated = len(lower) > 3 and "responder-only".startswith(lower)
    return abbreviated or bool(get_close_matches(lower, ["responder-only"], cutoff=0.8))


class Args:
    """The words after a command's name, taken one by one; what doesn't fit is refused with the line's number."""

    def __init__(self, line: Line, words: tuple[str, ...], remarks: list[Note]) -> None:
        self.line = line
        self._words = list(words)
        self._remarks = remarks

    def __bool__(self) -> bool:
        return bool(self._words)

    @property
    def words(self) -> tuple[str, ...]:
        """The words not yet taken."""
        return tuple(self._words)

    def rest(self) -> tuple[str, ...]:
        """All words that are left; then none is."""
        words, self._words = tuple(self._words), []
        return words

    def peek(self) -> str:
        """The next word, left where it is; empty at the end."""
        return self._words[0] if self._words else ""

    def took(self, *words: str) -> bool:
        """Whether the next words are these; then they are taken."""
        if tuple(self._words[: len(words)]) != words:
            return False
        del self._words[: len(words)]
        return True

    def word(self, what: str) -> str:
        """The next word; `what` names it in the refusal."""
        if not self._words:
            self.line.refuse(f"the command ends where {what} should stand")
        return self._words.pop(0)

    def secret(self) -> str:
        """The next word, never to be told in a refusal."""
        return self.word("a key")

    def number(self, what: str) -> int:
        """The next word as a whole number in decimal."""
        word = self.word(what)
        if not re.fullmatch(r"[0-9]{1,10}", word):
            self.line.refuse(f"`{printable(word)}` is no number; {what} should stand here")
        return int(word)

    def one_of(self, table: Mapping[str, T], what: str) -> T:
        """The value that the next word stands for."""
        word = self.word(what)
        if word not in table:
            self.line.refuse(f"`{printable(word)}` is no {what}; known are {', '.join(table)}")
        return table[word]

    def address(self) -> str:
        """The next word as an IPv4 or IPv6 address."""
        word = self.word("an address")
        try:
            return str(ip_address(word))
        except ValueError:
            self.line.refuse(f"`{printable(word)}` is no address")

    def network(self) -> IPv4Network | IPv6Network:
        """An address with its mask or prefix length, or one host."""
        self.took("ipv6")
        first, mask = self.word("an address"), self._mask()
        if first == "0.0.0.0" and not mask:  # noqa: S104  IOS's word for any address
            mask = first
        try:
            return ip_network(f"{first}/{mask}" if mask else first, strict=False)
        except ValueError:
            self._no_network(first, mask)

    def wildcard_network(self, everything: str) -> IPv4Network | IPv6Network:
        """As an access list writes it: `any`, `host` and an address, or an address with the inverted mask."""
        if self.took("any"):
            return ip_network(everything)
        if self.took("host"):
            return ip_network(self.address())
        first, wildcard = self.word("an address"), self._mask()
        try:
            mask = str(ip_address(int(ip_address(wildcard)) ^ 0xFFFFFFFF)) if wildcard else ""
            return ip_network(f"{first}/{mask}" if mask else first, strict=False)
        except ValueError:
            self._no_network(first, wildcard)

    def _mask(self) -> str:
        return self._words.pop(0) if re.fullmatch(r"[0-9.]+", self.peek()) else ""

    def _no_network(self, address: str, mask: str) -> NoReturn:
        self.line.refuse(f"`{printable(f'{address} {mask}'.strip())}` is no address with its mask")

    def warn(self, text: str) -> None:
        """Remark something on this line."""
        self._remarks.append(Note(self.line.number, text))

    def end(self) -> None:
        """Nothing may follow."""
        if self._words:
            self.line.refuse(f"nobody knows what `{printable(self.peek())}` means here")
