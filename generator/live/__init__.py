"""Read what runs: the Applications of a live Argo CD, compared with the registry."""
