"""One thin file a command: take the options, call the core, hand the result to the console."""
