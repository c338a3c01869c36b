"""The server: connections, fan-out, heartbeat and HTTP around the rules of the chat."""
