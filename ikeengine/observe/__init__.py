"""What the operator sees: log, counters, key log, metrics. Nothing here changes what the engine does."""
