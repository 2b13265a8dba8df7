"""`python -m generator` is `workloads`."""

from generator.cli import main

main()
