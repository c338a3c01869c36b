"""Causerie, a self-hosted real-time chat: a room is a log, a client is a cursor in it."""

__version__ = "0.1.0"
