"""The rules of the chat: rooms, sessions, names, presence, typing, limits. Pure: it does no I/O."""
