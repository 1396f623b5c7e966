"""The page to drop music on, and the HTTP API behind it.

From the outside in: ``server`` (sockets) → ``app`` (its parts put together) → ``guard`` (who may
ask) → ``api`` (addresses) → ``uploads``, ``admission`` and ``jobs`` → ``workers`` → ``analyst``
(inside a worker process) → inference.
"""
