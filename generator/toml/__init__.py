"""TOML documents: data, positions and edits of their text."""
