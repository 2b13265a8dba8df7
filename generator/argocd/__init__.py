"""What the fields of Argo CD's objects mean."""
