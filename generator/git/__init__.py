"""All that touches git: the one runner, the private clone, the user's checkout, the publishing loop."""
