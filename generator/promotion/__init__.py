"""Promotion: which revision runs in which environment, and what may be promoted."""
