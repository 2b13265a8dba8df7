"""Two revisions of the registry → what Argo CD will do about the difference, for people to read before they merge."""
