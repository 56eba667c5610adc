"""Bias, variance, mismatch: the gaps between the errors of a system, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_tr.arguments import within
from tinygrad_tr.errors import ArgumentError

from .advice import texts
from .checks import language
from .words import DO, FOCUS, GAPS, LEVELS, NOTHING, PAST_HUMAN, RECIPE


def diagnose(
    *,
    train: float,
    dev: float,
    human: float = 0.0,
    train_dev: float | None = None,
    test: float | None = None,
    mismatched: bool = False,
    tol: float = 0.0,
) -> Diagnosis:
    """Which gap between the errors is the largest, and what to do about it.

        human --bias-- train --variance-- train_dev --mismatch-- dev --overfit to dev-- test

    `human` stands for the Bayes error, below which nobody gets (see `bayes_proxy`). `train_dev`
    is the error on a part of the training distribution that was not trained on. Without it dev
    is taken to come from that distribution, and the whole of dev − train is variance; with
    `mismatched` dev comes from another one, and how much of dev − train is variance and how much
    mismatch cannot be told. A gap up to `tol` is no problem. The errors and `tol` are in one
    unit, percent or fractions. Course 2, week 1; course 3, weeks 1 and 2.
    """

    def error(name: str, value: float) -> float:
        return within("diagnose", name, value, low=0, high=100)

    return Diagnosis(
        human=error("human", human),
        train=error("train", train),
        train_dev=None if train_dev is None else error("train_dev", train_dev),
        dev=error("dev", dev),
        test=None if test is None else error("test", test),
        mismatched=bool(mismatched),
        tol=within("diagnose", "tol", tol, low=0),
    )


def bayes_proxy(errors: Iterable[float]) -> float:
    """The lowest of several human errors: the Bayes error is not above it. Course 3, week 1."""
    found = [within("bayes_proxy", "error", error, low=0) for error in errors]
    if not found:
        raise ArgumentError("bayes_proxy", "nobody was measured", wanted="at least one error")
    return min(found)


@dataclass(frozen=True)
class Diagnosis:
    """Errors, and the gaps between neighbours; printed, the ladder of both and the recipe."""

    human: float
    train: float
    train_dev: float | None
    dev: float
    test: float | None
    mismatched: bool
    tol: float

    @property
    def avoidable_bias(self) -> float:
        """train − human."""
        return gap(self.human, self.train)

    @property
    def variance(self) -> float | None:
        """train_dev − train, or dev − train if both have one distribution; None: unknown."""
        if self.train_dev is not None:
            return gap(self.train, self.train_dev)
        return None if self.mismatched else gap(self.train, self.dev)

    @property
    def data_mismatch(self) -> float | None:
        """dev − train_dev; 0 if both have one distribution; None: unknown."""
        if self.train_dev is not None:
            return gap(self.train_dev, self.dev)
        return None if self.mismatched else 0.0

    @property
    def overfit_to_dev(self) -> float | None:
        """test − dev, or None without a test error."""
        return None if self.test is None else gap(self.dev, self.test)

    @property
    def gaps(self) -> dict[str, float]:
        """The gaps that are known, by name; dev − train is one where it cannot be divided."""
        undivided = gap(self.train, self.dev) if self.variance is None else None
        found = {
            "bias": self.avoidable_bias,
            "variance": self.variance,
            "variance or mismatch": undivided,
            "mismatch": None if self.train_dev is None else self.data_mismatch,
            "overfit to dev": self.overfit_to_dev,
        }
        return {name: size for name, size in found.items() if size is not None}

    @property
    def problems(self) -> tuple[str, ...]:
        """The names of the gaps above `tol`, bias first."""
        return tuple(name for name, size in self.gaps.items() if size > self.tol)

    @property
    def focus(self) -> str | None:
        """The name of the largest gap, however small; None if no error rises."""
        name, size = max(self.gaps.items(), key=lambda item: item[1])
        return name if size > 0 else None

    def recipe(self, lang: str = "en") -> list[str]:
        """What to do about the problems, bias first. Course 2, week 1."""
        actions = (action for name in self.problems for action in RECIPE[name])
        return list(dict.fromkeys(texts("Diagnosis.recipe", actions, lang)))

    def report(self, lang: str = "en") -> str:
        """The ladder of errors and gaps, and the recipe, in "en" or "tr"."""
        language("Diagnosis.report", lang)
        errors = {name: getattr(self, name) for name in LEVELS}
        levels = [(LEVELS[name][lang], e) for name, e in errors.items() if e is not None]
        names = [GAPS[name][lang] for name in self.gaps]
        level_width, gap_width = max(len(name) for name, _ in levels), max(map(len, names))
        lines = [f"{name:{level_width}} {error:8.4g}" for name, error in levels]
        for place, (name, size) in enumerate(self.gaps.items()):
            mark = f"  ← {FOCUS[lang]}" if name == self.focus in self.problems else ""
            between = f"{names[place]:{gap_width}} {size:8.4g}{mark}"
            lines.insert(2 * place + 1, " " * (level_width + 12) + between)
        if self.avoidable_bias < 0:
            lines += ["", PAST_HUMAN[lang]]
        actions = [f"  {i}. {action}" for i, action in enumerate(self.recipe(lang), 1)]
        advice = [DO[lang], *actions] if actions else [NOTHING[lang].format(tol=self.tol)]
        return "\n".join([*lines, "", *advice])

    def __str__(self) -> str:
        return self.report()


def gap(below: float, above: float) -> float:
    """above − below; equal gaps, such as 12 − 11 % and 11 − 10 %, are equal floats."""
    return round(above - below, 12)
