"""The adapters: what ``causerie.ports`` promises, kept in memory, in SQLite or in a cluster."""
