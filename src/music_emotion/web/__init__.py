"""The page to drop music on, and the HTTP API behind it.

From the outside in: ``server`` (sockets) → ``app`` (its parts put together) → ``observation`` (what
is told of requests) → ``middleware`` (who may ask) → ``api`` (addresses) → ``uploads``, ``limits``
and ``jobs`` → ``workers`` → ``worker`` (inside a worker process) → inference; ``stopping`` is the
end of it.
"""
