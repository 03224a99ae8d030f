"""The entry point: nothing is imported before an interrupt can be answered in one line."""

import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        from scaffold.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        told = "error: interrupted\n\nhint: nothing was written; run the command again"
        print(told, file=sys.stderr)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
