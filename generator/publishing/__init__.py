"""Publish the rendered charts to the workloads branch, guarded against unintended deletions."""
