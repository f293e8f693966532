"""The only folder that touches the host: its files, its runtime, and the way to its registries."""
