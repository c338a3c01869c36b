"""The composition: configuration in, a running server out. The only place that picks adapters."""
