"""The entry point: nothing is imported before an interrupt can be answered in one line."""

import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        from scaffold.cli.app import run

        code = run(sys.argv[1:])
    except (KeyboardInterrupt, RuntimeError) as error:
        # Python 3.11 wraps what is raised while it calls `__set_name__` in a RuntimeError.
        if not isinstance(error.__cause__ or error, KeyboardInterrupt):
            raise
        told = "error: interrupted\n\nhint: nothing was written; run the command again"
        print(told, file=sys.stderr)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
