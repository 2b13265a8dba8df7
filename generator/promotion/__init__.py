"""What runs where, and what may go where."""
