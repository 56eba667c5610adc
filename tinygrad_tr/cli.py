"""The shell's door: `tinygrad-tr demo` and `tinygrad-tr draw`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import tinygrad_tr as tt
from tinygrad_tr.errors import ArgumentError, MissingDependencyError, TinygradError

LOOKS = ("passes", "values", "color", "check", "rankdir", "theme", "lang")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 with a message when its input was refused."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except TinygradError as error:
        message = str(error).removesuffix(f"\n  at:     {error.at}")  # the shell has no lines
        print(f"tinygrad-tr: {message}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tinygrad-tr", description=(tt.__doc__ or "").split("\n")[0])
    top.add_argument("--version", action="version", version=f"tinygrad_tr {tt.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="the main job end to end: a graph, a network, speed")
    demo.add_argument("-o", "--output", type=Path, default=Path("tinygrad-tr-demo"), help="folder")
    demo.add_argument("--seconds", type=float, default=5.0, help="time for the micro-benchmark")
    demo.set_defaults(run=run_demo)

    draw = commands.add_parser("draw", help="draw an expression: draw '3*(a + b*c)' a=5 b=3 c=2")
    draw.add_argument("expression", help="numbers, names, + - * / ** @, and functions such as tanh")
    draw.add_argument("variables", nargs="*", metavar="NAME=VALUE", help="a=5 or W=[[1,2],[3,4]]")
    draw.add_argument("-o", "--output", type=Path, default=Path("graph.svg"),
                      help="the file; its suffix decides: .svg .png .pdf .html .dot")  # fmt: skip
    draw.add_argument("--passes", choices=["both", "forward", "backward"], default="both")
    draw.add_argument("--values", choices=["auto", "none", "stats", "full"], default="auto")
    draw.add_argument("--color", choices=["grad", "gain", "magnitude"], help="what colours show")
    draw.add_argument("--check", action="store_true", help="finite differences beside gradients")
    draw.add_argument("--rankdir", choices=["LR", "RL", "TB", "BT"], default="LR")
    draw.add_argument("--theme", choices=["light", "dark"], default="light")
    draw.add_argument("--lang", choices=["en", "tr"], default="en")
    draw.set_defaults(run=run_draw)
    return top


def run_draw(options: argparse.Namespace) -> None:
    from tinygrad_tr.picture.expression import draw_expression

    values = {}
    for pair in options.variables:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ArgumentError("draw", f"{pair!r} gives no value", wanted="NAME=VALUE, as a=5")
        values[name] = text
    looks = {name: getattr(options, name) for name in LOOKS}
    picture = draw_expression(options.expression, values, **looks)
    picture.save(options.output)
    print(options.output)


def run_demo(options: argparse.Namespace) -> None:
    try:
        import matplotlib  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "demo", f"it needs {error.name}, which is not installed",
            wanted="pip install 'tinygrad_tr[examples]'",
        ) from None  # fmt: skip
    from tinygrad_tr.benchmarks import quick
    from tinygrad_tr.examples import course1_graph, course2_digits

    folder = options.output
    print("1. The lecture's computation graph\n")
    print(course1_graph.main(folder))
    print("\n2. A network that learns handwritten digits\n")
    print(course2_digits.main(folder))
    print(f"\n3. A micro-benchmark of {options.seconds:g} seconds\n")
    print(quick(options.seconds))
    print(f"\nAll files are in {folder.resolve()}")


if __name__ == "__main__":
    sys.exit(main())
