"""Rows for tinygrad_tr/rules/arithmetic.py."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, apart, fixed, normal, uniform

x, y = normal(3, 4), normal(3, 4)
row = normal(4)
positive = uniform(0.5, 2.0, 3, 4)

CASES = [
    Case("add", lambda a, b: a + b, [x, row], lambda torch, a, b: a + b),
    Case("subtract", lambda a, b: a - b, [x, row], lambda torch, a, b: a - b),
    Case("multiply", lambda a, b: a * b, [x, row], lambda torch, a, b: a * b),
    Case("divide", lambda a, b: a / b, [x, positive], lambda torch, a, b: a / b),
    Case("power", lambda a, b: a**b, [positive, row], lambda torch, a, b: a**b),
    Case("power", lambda a: a**3, [x], lambda torch, a: a**3, label="cube"),
    Case("power", lambda a: a**0, [x], lambda torch, a: a**0, label="zero"),
    Case("power", lambda a: a**0.5, [positive], lambda torch, a: a**0.5, label="root"),
    Case("power", lambda a: 2.0**a, [x], lambda torch, a: 2.0**a, label="of-number"),
    Case("negative", lambda a: -a, [x], lambda torch, a: -a),
    Case("positive", lambda a: +a, [x], lambda torch, a: +a),
    Case("absolute", abs, [apart(3, 4)], lambda torch, a: abs(a)),
    Case("square", np.square, [x], lambda torch, a: torch.square(a)),
    Case("reciprocal", np.reciprocal, [positive], lambda torch, a: torch.reciprocal(a)),
    Case("maximum", np.maximum, [apart(3, 4), fixed(0.0)], lambda torch, a, b: torch.maximum(a, b)),
    Case("minimum", np.minimum, [apart(3, 4), fixed(0.0)], lambda torch, a, b: torch.minimum(a, b)),
    Case("fmax", np.fmax, [apart(3, 4), fixed(0.0)], lambda torch, a, b: torch.fmax(a, b)),
    Case("fmin", np.fmin, [apart(3, 4), fixed(0.0)], lambda torch, a, b: torch.fmin(a, b)),
    Case(
        "clip",
        lambda a: np.clip(a, -0.3, 0.4),
        [apart(3, 4)],
        lambda torch, a: torch.clamp(a, -0.3, 0.4),
    ),
    Case(
        "clip",
        lambda a: np.clip(a, None, 0.4),
        [apart(3, 4)],
        lambda torch, a: torch.clamp(a, max=0.4),
        label="one-bound",
    ),
    Case(
        "clip",
        lambda a, low, high: np.clip(a, low, high),
        [apart(3, 4), fixed(-0.32), fixed(0.31)],
        lambda torch, a, low, high: torch.clamp(a, low, high),
        label="bounds",
    ),
    Case(
        "where",
        lambda a, b: np.where(np.eye(3, 4) > 0, a, b),
        [x, row],
        lambda torch, a, b: torch.where(torch.eye(3, 4) > 0, a, b),
        tags=frozenset({"fixed shape"}),
    ),
    Case("hypot", np.hypot, [x, row], lambda torch, a, b: torch.hypot(a, b)),
    Case("logaddexp", np.logaddexp, [x, row], lambda torch, a, b: torch.logaddexp(a, b)),
    Case("logaddexp2", np.logaddexp2, [x, row], lambda torch, a, b: torch.logaddexp2(a, b)),
    Case(
        "remainder",
        lambda a, b: a % b,
        [uniform(3.1, 3.9, 3, 4), uniform(0.9, 1.0, 4)],
        lambda torch, a, b: torch.remainder(a, b),
    ),
    Case(
        "fmod",
        np.fmod,
        [uniform(3.1, 3.9, 3, 4), uniform(0.9, 1.0, 4)],
        lambda torch, a, b: torch.fmod(a, b),
    ),
    Case(
        "copysign",
        lambda a: np.copysign(a, -1.0),
        [apart(3, 4)],
        lambda torch, a: torch.copysign(a, torch.tensor(-1.0)),
    ),
]

# Steps: they compute as NumPy does and stop the gradient. (name, arguments)
STEPS = [
    *((name, [x]) for name in ("sign", "floor", "ceil", "trunc", "rint", "logical_not")),
    *((name, [x]) for name in ("isfinite", "isinf", "isnan", "signbit")),
    *((name, [x, row]) for name in ("floor_divide", "heaviside", "greater", "greater_equal")),
    *((name, [x, row]) for name in ("less", "less_equal", "equal", "not_equal")),
    *((name, [x, row]) for name in ("logical_and", "logical_or", "logical_xor")),
]

INTEGER_STEPS = [
    *((name, [fixed([[1, 6], [4, 9]]), fixed([3, 2])]) for name in ("bitwise_and", "bitwise_or")),
    *((name, [fixed([[1, 6], [4, 9]]), fixed([3, 2])]) for name in ("bitwise_xor", "gcd", "lcm")),
    *((name, [fixed([[1, 6], [4, 9]]), fixed([3, 2])]) for name in ("left_shift", "right_shift")),
    ("invert", [fixed([[1, 6], [4, 9]])]),
]

# The conventions at kinks: (what, function of one number, where, derivative there).
KINKS = [
    ("|x| at 0", np.abs, 0.0, 0.0),
    ("relu at 0", tt.relu, 0.0, 0.0),
    ("relu6 at 6", tt.relu6, 6.0, 0.0),
    ("leaky_relu at 0", tt.leaky_relu, 0.0, 0.01),
    ("elu at 0", tt.elu, 0.0, 1.0),
    ("hardtanh at 1", tt.hardtanh, 1.0, 0.0),
    ("max(x, 0) at a tie", lambda t: np.maximum(t, 0.0), 0.0, 0.5),
    ("min(x, 0) at a tie", lambda t: np.minimum(t, 0.0), 0.0, 0.5),
    ("clip at a bound", lambda t: np.clip(t, 0.0, 1.0), 1.0, 1.0),
    ("x⁰ at 0", lambda t: t**0, 0.0, 0.0),
    ("0ˣ at 2", lambda t: 0.0**t, 2.0, 0.0),
    ("hypot(x, 0) at 0", lambda t: np.hypot(t, 0.0), 0.0, 0.0),
    ("sinc at 0", np.sinc, 0.0, 0.0),
    ("std of equal numbers", lambda t: np.std(np.stack([t, t])), 1.0, 0.0),
    ("max of equal numbers", lambda t: np.max(np.stack([t, t])), 1.0, 1.0),
    ("sign", np.sign, 2.0, None),
    ("floor", np.floor, 2.5, None),
]
