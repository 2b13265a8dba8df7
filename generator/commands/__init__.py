"""The commands, one module each: parse the options, call the core and print the result."""
