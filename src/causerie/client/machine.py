"""The client machine: commands, frames and time in; events, frames and a deadline out. Pure."""
