"""Rows for tinygrad_tr/rules/activations.py."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, apart, normal

x = apart(4, 5)
SEEN = np.array([[True, False, True, True], [False, False, True, False], [True] * 4])


def case(name, facts=None, **options):
    facts = facts or {}
    ours = getattr(tt, name)

    def theirs(torch, a):
        return getattr(torch.nn.functional, name)(a, **facts)

    label = "-".join(f"{k}={v}" for k, v in facts.items())
    return Case(name, lambda a: ours(a, **facts), [x], theirs, label=label, **options)


CASES = [
    case("sigmoid"),
    case("logsigmoid"),
    case("softplus"),
    case("softplus", {"beta": 2.0, "threshold": 1.02}),
    case("relu"),
    case("relu6"),
    case("leaky_relu"),
    case("leaky_relu", {"negative_slope": 0.2}),
    case("elu"),
    case("elu", {"alpha": 0.5}),
    case("selu"),
    case("celu"),
    case("celu", {"alpha": 0.5}),
    case("gelu"),
    case("gelu", {"approximate": "tanh"}),
    case("silu"),
    case("mish"),
    case("hardtanh"),
    case("hardtanh", {"min_val": -0.3, "max_val": 0.6}),
    # PyTorch's slope is float32's 1/6 also in float64; finite differences side with ours.
    case("hardsigmoid", oracle_gradient=False),
    case("hardswish"),
    case("softsign"),
    case("tanhshrink"),
    case("softshrink"),
    case("hardshrink"),
    Case("softmax", tt.softmax, [normal(3, 4)], lambda torch, a: torch.softmax(a, -1)),
    Case("softmax", lambda a: tt.softmax(a, axis=0), [normal(3, 4)],
         lambda torch, a: torch.softmax(a, 0), label="rows"),
    Case("softmax", lambda a: tt.softmax(a, where=SEEN), [normal(3, 4)],
         lambda torch, a: torch.softmax(a.masked_fill(torch.tensor(~SEEN), -np.inf), -1),
         label="where"),
    Case("softmax", lambda a: tt.softmax(a, axis=0, where=np.array([[True], [False], [True]])),
         [normal(3, 4)], label="rows, where",
         value=lambda a: np.insert(tt.softmax(a[::2], axis=0), 1, 0, axis=0)),
    Case("softmax", lambda a: tt.softmax(a, where=np.array([[True], [False], [True]])),
         [normal(3, 4)], label="a row of nothing",
         value=lambda a: np.insert(tt.softmax(a[::2]), 1, 0, axis=0)),
    Case("log_softmax", tt.log_softmax, [normal(3, 4)],
         lambda torch, a: torch.log_softmax(a, -1)),
    Case("log_softmax", lambda a: tt.log_softmax(a, axis=0), [normal(3, 4)],
         lambda torch, a: torch.log_softmax(a, 0), label="rows"),
]  # fmt: skip
