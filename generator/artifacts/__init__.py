"""The versions of charts and images: Helm repositories and OCI registries, read over HTTP."""
