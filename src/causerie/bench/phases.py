"""What a load is doing, for whoever watches its progress and wonders what it waits for."""

from enum import Enum


class Phase(Enum):
    """A part of a load, in words for people."""

    STARTING = "starting"
    FILLING = "filling the log"
    CONNECTING = "connecting"
    CALLING = "waiting until all hear"
    TELLING = "waiting until all know who came"
    WARMING_UP = "warming up"
    MEASURING = "measuring"
    ALONE = "measuring who reads, alone"
    BESIDE = "measuring who reads, beside"
    IDLE = "measuring idle connections"
    READING = "reading pages"
    MISSING = "saying what those who are away miss"
    RESTARTING = "starting the server again"
    COMING_BACK = "coming back"
    BLOCKING = "filling buffers of who stalls"
    CATCHING_UP = "waiting for the last to catch up"
    REPEATING = "waiting for what comes twice"
    LEAVING = "waiting until the server has forgotten all"
