"""The client as a pure state machine, driven from outside: no socket, no clock, no chance."""

from causerie.client.machine.core import AppCommand, Machine, Settings
from causerie.client.machine.link import Reasons

__all__ = ["AppCommand", "Machine", "Reasons", "Settings"]
