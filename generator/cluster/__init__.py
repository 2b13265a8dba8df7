"""Live clusters through kubectl: the teardown of an environment."""
