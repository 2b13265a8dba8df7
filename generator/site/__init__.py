"""The registry and its history as pages that people read, and as drawings."""
