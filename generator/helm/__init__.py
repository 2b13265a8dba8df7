"""The only door to Helm: rendering charts and verifying what they render to."""
