"""What stops a command, in words for the person at the terminal."""


class Halt(Exception):
    """The command ends with exit code 1. The message says what is wrong and what to do, and holds nothing secret."""
