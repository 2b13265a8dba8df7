"""Digests of generated files, as the inventory lists them."""

from __future__ import annotations

import hashlib

from generator.charts.values_file import VALUES_FILE, split_values


def sha256_hex(data: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: str, data: bytes) -> str:
    """The digest of a generated file: its SHA-256, or for a values.yaml that of each part, one a line.

    So the inventory has a digest for each app, and two edits of different apps meet in no line.
    """
    if path.rpartition("/")[2] != VALUES_FILE:
        return sha256_hex(data)
    parts = split_values(data)
    if parts.full_text.encode() != data:
        return sha256_hex(data)
    return "\n".join(sorted(f"{name} {sha256_hex(text.encode())}" for name, text in parts.by_name.items()))
