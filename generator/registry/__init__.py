"""From `apps.toml` to a `Registry`."""
