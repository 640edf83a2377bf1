"""The ways in to a responder: the version of IKE, and for version 1 the mode of phase 1."""

from typing import Literal

from harness.profile.configuration import Configuration

Way = Literal["v2", "v1-main", "v1-aggressive"]
WAYS: tuple[Way, ...] = ("v2", "v1-main", "v1-aggressive")
"""They name the connections in the files of foreign daemons."""


def speaks(configuration: Configuration, way: Way) -> bool:
    """Whether a device that is `configuration` goes this way."""
    if way == "v2":
        return 2 in configuration.versions
    return 1 in configuration.versions and (way == "v1-main" or configuration.aggressive)


def own_way(configuration: Configuration) -> Way:
    """The way in which a device that is `configuration` would start."""
    if configuration.initiate_version == 2:
        return "v2"
    return "v1-main" if configuration.initiate_mode == "main" else "v1-aggressive"
