"""Where requests to merge a branch are made: one file a forge, one protocol."""
