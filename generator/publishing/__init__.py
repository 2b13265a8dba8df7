"""What is published, and whether it may be."""
