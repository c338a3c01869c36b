"""Causerie, a self-hosted real-time chat: a room is a log, a client is a cursor in it.

This module is the public face. Nothing inside the package imports it.
"""

from causerie.version import __version__

__all__ = ["__version__"]
