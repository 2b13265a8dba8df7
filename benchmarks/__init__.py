"""`make bench`: what the commands cost on large registries, beside the least that the same work can cost."""
