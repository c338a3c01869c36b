"""The terminal client: a pure view, and the application around it."""
