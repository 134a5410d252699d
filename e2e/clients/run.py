"""Runs one test: `run.py FILE FUNCTION`. The environment names the endpoint, as for any AWS client."""

import importlib
import sys


def main():
    _, file, function = sys.argv
    getattr(importlib.import_module(file), function)()


if __name__ == "__main__":
    main()
