"""Render one typed registry into Argo CD app-of-apps Helm charts and publish them."""

__version__ = "0.1.0"
