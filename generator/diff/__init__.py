"""What Argo CD would change, for people to read before they merge."""
