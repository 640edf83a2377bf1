"""What a deviant is, and the list of all of them that the modules of deviants fill."""

from collections.abc import Callable
from difflib import get_close_matches

from harness.responder.table import Rules
from harness.values import value


@value
class Deviant:
    """A responder that breaks one requirement, and says which."""

    name: str
    breaks: str
    says: str
    rules: Rules


REGISTERED: dict[str, Deviant] = {}
"""Every deviant by its name."""

Make = Callable[[], Rules]


def unknown(name: str) -> str:
    """What to say of a name that no deviant has."""
    alike = get_close_matches(name, REGISTERED, n=3)
    hint = f"; did you mean {' or '.join(alike)}?" if alike else "; `trial --json` names them"
    return f"no deviant is called {name!r}{hint}"


def deviant(name: str, breaks: str) -> Callable[[Make], Make]:
    """Registers the table that the function makes; its docstring says what the deviant does."""

    def keep(make: Make) -> Make:
        REGISTERED[name] = Deviant(name, breaks, make.__doc__ or "", make())
        return make

    return keep
