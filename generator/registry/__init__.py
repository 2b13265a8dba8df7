"""Read `apps.toml` and its included files, validate them, and return a `Registry`."""
