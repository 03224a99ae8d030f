"""What goes wrong in a way the user can mend."""


class Problem(Exception):
    """What is wrong, what to do about it, and the exit code that follows."""

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
