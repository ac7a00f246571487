"""The sub-commands: each function takes the parsed arguments and returns an exit code."""
