"""A configuration file as a user gives it: Cisco IOS text, TOML, or the same in JSON."""

from dataclasses import dataclass
from pathlib import Path

from harness.cli.wrong import WrongInput
from harness.files import text_of
from harness.profile import Configuration, toml
from harness.profile.ios import ConfigurationError, place
from harness.profile.ios import read as read_ios
from harness.record import printable


@dataclass(frozen=True, slots=True)
class Configured:
    """What a file says, and what was remarked while it was read, each remark with file and line."""

    configuration: Configuration
    remarks: tuple[str, ...] = ()


def read(path: Path) -> Configured:
    """The device that a file describes; WrongInput names file, line or key, and the reason."""
    try:
        text = text_of(path)
        if path.suffix == ".json":
            return Configured(toml.read_json(text, str(path), path.parent))
        if path.suffix == ".toml":
            return Configured(toml.read(text, str(path), path.parent))
        return _ios(text, path)
    except OSError as why:
        raise WrongInput(
            f"{path}: can't be read ({why.strerror}); name a configuration with --config"
        ) from why
    except (ConfigurationError, toml.TomlError) as why:
        raise WrongInput(str(why)) from why
    except ValueError as why:
        raise WrongInput(f"{path}: no configuration: {why}") from why


def _ios(text: str, path: Path) -> Configured:
    reading = read_ios(text, str(path))
    notes = sorted((*reading.warnings, *reading.unknown))
    return Configured(
        reading.configuration,
        tuple(printable(f"{place(str(path), note.line)}: {note.text}") for note in notes),
    )
