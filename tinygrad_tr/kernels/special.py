"""Special functions that NumPy does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Rational approximations of erf on four intervals, highest power last, exact to the last bit
# or two of float64. Source: FreeBSD's msun s_erf.c (Sun Microsystems, 1993).
TINY = (
    (0.128379167095512558561, -0.325042107247001499370, -0.0284817495755985104766,
     -0.00577027029648944159157, -0.0000237630166566501626084),
    (1.0, 0.397917223959155352819, 0.0650222499887672944485, 0.00508130628187576562776,
     0.000132494738004321644526, -0.00000396022827877536812320),
)  # fmt: skip
AROUND_ONE = (
    (-0.00236211856075265944077, 0.414856118683748331666, -0.372207876035701323847,
     0.318346619901161753674, -0.110894694282396677476, 0.0354783043256182359371,
     -0.00216637559486879084300),
    (1.0, 0.106420880400844228286, 0.540397917702171048937, 0.0718286544141962662868,
     0.126171219808761642112, 0.0136370839120290507362, 0.0119844998467991074170),
)  # fmt: skip
TO_2_86 = (
    (-0.00986494403484714822705, -0.693858572707181764372, -10.5586262253232909814,
     -62.3753324503260060396, -162.396669462573470355, -184.605092906711035994,
     -81.2874355063065934246, -9.81432934416914548592),
    (1.0, 19.6512716674392571292, 137.657754143519042600, 434.565877475229228821,
     645.387271733267880336, 429.008140027567833386, 108.635005541779435134,
     6.57024977031928170135, -0.0604244152148580987438),
)  # fmt: skip
TO_SIX = (
    (-0.00986494292470009928597, -0.799283237680523006574, -17.7579549177547519889,
     -160.636384855821916062, -637.566443368389627722, -1025.09513161107724954,
     -483.519191608651397019),
    (1.0, 30.3380607434824582924, 325.792512996573918826, 1536.72958608443695994,
     3199.85821950859553908, 2553.05040643316442583, 474.528541206955367215,
     -22.4409524465858183362),
)  # fmt: skip
ERF_1 = 0.845062911510467529297


def ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], t: Any) -> Any:
    """A polynomial over a polynomial in t, by Horner's scheme."""
    above, below = coefficients
    p = q = 0.0
    for c in reversed(above):
        p = p * t + c
    for c in reversed(below):
        q = q * t + c
    return p / q


def erf(x: Any) -> Any:
    """erf x = 2/√π ∫₀ˣ e^(−t²) dt, elementwise, in the dtype of x (integers: float64)."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    z = np.abs(x.astype(np.float64))
    out = np.where(np.isnan(z), z, 1.0)
    branches: list[tuple[float, float, Callable[[Any], Any]]] = [
        (0.0, 0.84375, lambda z: z + z * ratio(TINY, z * z)),
        (0.84375, 1.25, lambda z: ERF_1 + ratio(AROUND_ONE, z - 1)),
        (1.25, 1 / 0.35, lambda z: 1 - np.exp(-z * z - 0.5625 + ratio(TO_2_86, 1 / (z * z))) / z),
        (1 / 0.35, 6.0, lambda z: 1 - np.exp(-z * z - 0.5625 + ratio(TO_SIX, 1 / (z * z))) / z),
    ]
    for low, high, branch in branches:
        inside = (z >= low) & (z < high)
        if inside.any():
            out[inside] = branch(z[inside])
    return np.copysign(out, x).astype(dtype)[()]
