"""Import: write the registry of Applications that exist, and prove that it renders the same objects."""
