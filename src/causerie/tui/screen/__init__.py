"""The full screen of the terminal client: a pure state, and the widgets that show it."""
