"""The test kit: an in-memory link with faults, contract suites, a checker of histories."""
