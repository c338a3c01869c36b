"""The client: a pure machine, and the asyncio shell and transport around it."""
