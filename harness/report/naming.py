"""How a run is called: by its moment and its target."""

import re

from harness.clock import started_at


def run_name(*targets: str) -> str:
    """`YYYY-MM-DDThhmmss-target`, of characters that any file system takes; several targets are just counted."""
    moment = started_at().replace(":", "").rstrip("Z")
    return f"{moment}-{target_name(targets[0]) if len(targets) == 1 else f'{len(targets)}-targets'}"


def target_name(target: str) -> str:
    """A target as part of a path."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", target.removesuffix(".toml").rpartition("/")[2]).strip("-.")
    return name or "target"
