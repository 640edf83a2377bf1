"""The one exception for an algorithm number that this package does not run."""


class UnsupportedAlgorithm(ValueError):
    """An algorithm, or a key length of it, that is not in the tables here; the text names it."""
