"""Rows for tinygrad_tr/rules/elementwise.py: a table of (name, lowest, highest sample)."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, normal, uniform

UNARY = [
    ("exp", -2, 2), ("expm1", -2, 2), ("exp2", -2, 2),
    ("log", 0.2, 3), ("log1p", -0.8, 3), ("log2", 0.2, 3), ("log10", 0.2, 3),
    ("sqrt", 0.2, 3),
    ("sin", -3, 3), ("cos", -3, 3), ("tan", -1, 1),
    ("arcsin", -0.9, 0.9), ("arccos", -0.9, 0.9), ("arctan", -3, 3),
    ("sinh", -2, 2), ("cosh", -2, 2), ("tanh", -2, 2),
    ("arcsinh", -3, 3), ("arccosh", 1.2, 3), ("arctanh", -0.9, 0.9),
    ("sinc", -2, 2), ("deg2rad", -90, 90), ("rad2deg", -2, 2),
]  # fmt: skip

CASES = [
    *(
        Case(
            name,
            getattr(np, name),
            [uniform(low, high, 3, 4)],
            lambda torch, a, name=name: getattr(torch, name)(a),
        )
        for name, low, high in UNARY
    ),
    Case("cbrt", np.cbrt, [uniform(0.2, 3, 3, 4)], lambda torch, a: a ** (1 / 3)),
    Case("rsqrt", tt.rsqrt, [uniform(0.2, 3, 3, 4)], lambda torch, a: torch.rsqrt(a)),
    Case("erf", tt.erf, [uniform(-3, 3, 3, 4)], lambda torch, a: torch.erf(a)),
    Case("arctan2", np.arctan2, [normal(3, 4), normal(4)], lambda torch, a, b: torch.atan2(a, b)),
    Case("nan_to_num", np.nan_to_num, [normal(3, 4)], lambda torch, a: torch.nan_to_num(a)),
    Case("sinc_slope", tt.rules.elementwise.sinc_slope, [uniform(-2, 2, 3, 4)],
         value=lambda a: (np.cos(np.pi * a) - np.sinc(a)) / a, keeps=3.2),
]  # fmt: skip
