"""Static site pages and graphs of the registry and its history."""
