"""The responder's rules as one table: which guard, transition, timer, trigger or decision stands for what.

`HONEST` (harness.responder.rules) is the table of the honest responder; a deviant is that table with one entry
exchanged. Nothing in the responder calls a rule but through the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from harness.codes import Exchange, Trigger
from harness.responder.context import Context, Incoming
from harness.responder.state import Timer
from harness.responder.step import Armed, Step
from harness.values import replace

Cell = Callable[[Context, Any, Incoming], Step]
Guard = Callable[[Context, Any, Incoming], Step | None]
TimerCell = Callable[[Context, Any, Armed], Step]
TriggerCell = Callable[[Context], Step]
Stage = Literal["init", "auth", "rekey", "informational"]
"""Where an extension has its say: in the response to IKE_SA_INIT, in the one that ends IKE_AUTH, in that to the rekey of
an IKE SA (the SA is the new one), and in that to an INFORMATIONAL.
"""
Extension = Callable[[Context, Any, Incoming], tuple[Any, tuple[Any, ...]]]
"""An extension of IKEv2: the SA as it leaves it, and the payloads it adds to the response."""
F = TypeVar("F", bound=Callable[..., Any])

Key = tuple[str, int]
"""A state (of either version) and an exchange type."""


@dataclass(frozen=True)
class Rules:
    """Everything the responder does, by name; each mapping keeps the order of declaration."""

    guards: Mapping[str, Guard] = field(default_factory=dict)
    requests: Mapping[Key, Cell] = field(default_factory=dict)
    responses: Mapping[Key, Cell] = field(default_factory=dict)
    timers: Mapping[tuple[int, Timer], TimerCell] = field(default_factory=dict)
    triggers: Mapping[Trigger, TriggerCell] = field(default_factory=dict)
    decisions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    extensions: Mapping[tuple[Stage, str], Extension] = field(default_factory=dict)
    outgoing: Callable[[Context, Step], Step] | None = None
    _stages: dict[str, tuple[tuple[str, Guard], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    _extended: dict[Stage, tuple[Extension, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def guards_of(self, stage: str) -> tuple[tuple[str, Guard], ...]:
        """The guards of a stage, by which their names begin, in the order they are asked."""
        found = self._stages.get(stage)
        if found is None:
            found = tuple((name, guard) for name, guard in self.guards.items() if name.startswith(stage))
            self._stages[stage] = found
        return found

    def extensions_of(self, stage: Stage) -> tuple[Extension, ...]:
        """What adds to a response of this stage, in its order."""
        found = self._extended.get(stage)
        if found is None:
            found = tuple(rule for (when, _), rule in self.extensions.items() if when == stage)
            self._extended[stage] = found
        return found

    def but(self, kind: str, key: object, rule: Callable[..., Any]) -> "Rules":
        """This table with the entry `key` of `kind` exchanged; an entry that is not there is an error."""
        entries = getattr(self, kind)
        if key not in entries:
            raise KeyError(f"no rule {key!r} among {kind}")
        changed: dict[str, Any] = {kind: {**entries, key: rule}}
        return replace(self, **changed)

    def sending(self, outgoing: Callable[[Context, Step], Step]) -> "Rules":
        """This table, with what each step sends passed through `outgoing`."""
        return replace(self, outgoing=outgoing)


class Table:
    """Collects rules from the modules that hold them; `on` and its kin are the decorators they use."""

    def __init__(self) -> None:
        self.guards: dict[str, Guard] = {}
        self.requests: dict[Key, Cell] = {}
        self.responses: dict[Key, Cell] = {}
        self.timers: dict[tuple[int, Timer], TimerCell] = {}
        self.triggers: dict[Trigger, TriggerCell] = {}
        self.decisions: dict[str, Callable[..., Any]] = {}
        self.extensions: dict[tuple[Stage, str], Extension] = {}
        self.sources: dict[str, str] = {}

    def on(self, state: str, exchange: Exchange, *, rfc: str, response: bool = False) -> Callable[[F], F]:
        """A transition: what to do in `state` with a request (or response) of `exchange`; `rfc` is number/section."""

        def keep(cell: F) -> F:
            cells = self.responses if response else self.requests
            cells[state, int(exchange)] = cell
            self.sources[cell.__name__] = rfc
            return cell

        return keep

    def guard(self, *, rfc: str) -> Callable[[F], F]:
        """A rule that holds in every state; guards are asked in their order of declaration."""

        def keep(guard: F) -> F:
            self.guards[guard.__name__] = guard
            self.sources[guard.__name__] = rfc
            return guard

        return keep

    def timer(self, timer: Timer, *, rfc: str, version: int = 2) -> Callable[[F], F]:
        """What to do when a timer is due."""

        def keep(cell: F) -> F:
            self.timers[version, timer] = cell
            self.sources[cell.__name__] = rfc
            return cell

        return keep

    def trigger(self, *triggers: Trigger) -> Callable[[F], F]:
        """What a local event makes the device do."""

        def keep(cell: F) -> F:
            self.triggers.update(dict.fromkeys(triggers, cell))
            return cell

        return keep

    def decision(self, *, rfc: str) -> Callable[[F], F]:
        """A named decision that transitions ask for through the context."""

        def keep(rule: F) -> F:
            self.decisions[rule.__name__] = rule
            self.sources[rule.__name__] = rfc
            return rule

        return keep

    def extension(self, stage: Stage, *, rfc: str) -> Callable[[F], F]:
        """What an extension adds to a response of this stage; they follow one another in their order of declaration."""

        def keep(rule: F) -> F:
            self.extensions[stage, rule.__name__] = rule
            self.sources[rule.__name__] = rfc
            return rule

        return keep

    def rules(self) -> Rules:
        """What was collected, as a table."""
        return Rules(
            guards=dict(self.guards),
            requests=dict(self.requests),
            responses=dict(self.responses),
            timers=dict(self.timers),
            triggers=dict(self.triggers),
            decisions=dict(self.decisions),
            extensions=dict(self.extensions),
        )


TABLE = Table()
