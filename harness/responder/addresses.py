"""Inner addresses out of the configured pool: which are free is what no SA has, so nothing has to be given back."""

from harness.responder.context import Context


def free_address(context: Context, wanted: bytes = b"", replaced: bytes = b"") -> bytes | None:
    """The wanted address if the pool has it and it is free, else the lowest free one; None when all are given.

    What an SA has that is being `replaced` is free.
    """
    pool = context.configuration.pool
    if pool is None:
        return None
    taken = {sa.inner_address for sa in context.world.all() if sa.ours != replaced}
    if wanted and wanted not in taken and wanted in pool:
        return wanted
    return next((address for address in pool.addresses() if address not in taken), None)
