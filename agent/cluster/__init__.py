"""Where the registry Services and trust bundles are read from."""
