"""python -m tinygrad_tr.examples [NAME ... | all]: the list of examples, or run some of them."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import tinygrad_tr.examples
from tinygrad_tr.examples.outcome import FOLDER


def names() -> list[str]:
    """The examples, course by course."""
    modules = (module.name for module in pkgutil.iter_modules(tinygrad_tr.examples.__path__))
    return sorted(name for name in modules if name.startswith("course"))


def main() -> int:
    """Run the named examples; 0 if all of them reached their goals."""
    parser = argparse.ArgumentParser(prog="python -m tinygrad_tr.examples", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="or all; without one, the list")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder")
    options = parser.parse_args()
    chosen = names() if "all" in options.names else options.names
    if unknown := set(chosen) - set(names()):
        parser.error(f"no example is named {', '.join(sorted(unknown))}")
    reached = True
    for name in chosen or names():
        module = importlib.import_module(f"tinygrad_tr.examples.{name}")
        title = (module.__doc__ or "").split("\n")[0]
        if not chosen:
            print(f"{name:28} {title}")
            continue
        print(f"{name}. {title}\n")
        outcome = module.main(options.output / name)
        print(f"{outcome}\n")
        reached = reached and outcome.reached
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
