"""Assets by group, one module each, about ten lines an asset: the work is in `etl`, `models` and `warehouse`."""
