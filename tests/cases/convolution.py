"""Rows for tinygrad_tr/rules/convolution.py."""

from tests.cases.case import Case, normal
from tinygrad_tr.nn import functional as F
from tinygrad_tr.rules.convolution import conv_filter

# label, x, weight (O, C/G, *), then stride, padding, dilation, groups
CONVOLUTIONS = [
    ("1d", (2, 2, 7), (3, 2, 3), (2,), (1,), (1,), 1),
    ("2d", (2, 3, 5, 4), (2, 3, 3, 2), (1, 1), (0, 0), (1, 1), 1),
    ("2d, stride 2, padded", (2, 2, 5, 6), (3, 2, 3, 3), (2, 2), (1, 2), (1, 1), 1),
    ("2d, dilated", (1, 2, 6, 7), (2, 2, 2, 3), (1, 2), (2, 1), (3, 2), 1),
    ("groups", (2, 4, 4, 4), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
    ("depthwise", (2, 3, 4, 4), (6, 1, 3, 3), (2, 1), (1, 1), (1, 1), 3),
    ("1 × 1", (2, 3, 3, 2), (4, 3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ("3d", (1, 2, 3, 4, 3), (2, 2, 2, 3, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
    ("padding longer than the filter", (1, 1, 2, 2), (1, 1, 2, 2), (3, 1), (3, 4), (1, 1), 1),
    ("no examples", (0, 2, 4, 4), (3, 2, 3, 3), (1, 1), (0, 0), (1, 1), 1),
]


def convolution(label, x, weight, stride, padding, dilation, groups):
    name = f"conv{len(x) - 2}d"
    facts = (stride, padding, dilation, groups)
    return Case(
        "conv",
        lambda x, w, b: getattr(F, name)(x, w, b, *facts),
        [normal(*x), normal(*weight), normal(weight[0])],
        lambda torch, x, w, b: getattr(torch.nn.functional, name)(x, w, b, *facts),
        label=label,
    )


# label, x, weight (C, O/G, *), then stride, padding, what is added to the result, groups, dilation
TRANSPOSES = [
    ("1d", (2, 2, 4), (2, 3, 3), (2,), (1,), (1,), 1, (1,)),
    ("2d", (2, 2, 3, 4), (2, 3, 3, 2), (1, 1), (0, 0), (0, 0), 1, (1, 1)),
    ("2d, stride 2", (2, 2, 3, 2), (2, 3, 3, 3), (2, 2), (1, 1), (1, 0), 1, (1, 1)),
    ("stride beyond the filter", (1, 2, 3, 2), (2, 1, 2, 1), (3, 2), (0, 0), (2, 1), 1, (1, 1)),
    ("groups", (2, 4, 3, 3), (4, 2, 2, 2), (2, 2), (0, 1), (0, 0), 2, (1, 1)),
    ("dilated", (1, 2, 3, 3), (2, 2, 2, 2), (1, 2), (1, 0), (0, 1), 1, (3, 2)),
    ("3d", (1, 2, 2, 3, 2), (2, 2, 2, 1, 2), (1, 2, 2), (0, 0, 1), (0, 1, 1), 1, (1, 1, 1)),
]


def transpose(label, x, weight, stride, padding, extra, groups, dilation):
    name = f"conv_transpose{len(x) - 2}d"
    facts = (stride, padding, extra, groups, dilation)
    return Case(
        "conv_transpose",
        lambda x, w, b: getattr(F, name)(x, w, b, *facts),
        [normal(*x), normal(*weight), normal(weight[1] * groups)],
        lambda torch, x, w, b: getattr(torch.nn.functional, name)(x, w, b, *facts),
        label=label,
    )


def torch_filter(stride, padding, dilation, groups, size):
    def gradient(torch, x, y):
        """PyTorch has it as the gradient of its convolution; itself differentiable."""
        weight = torch.zeros(y.shape[1], x.shape[1] // groups, *size, dtype=x.dtype)
        weight.requires_grad_()
        convolve = getattr(torch.nn.functional, f"conv{len(size)}d")
        out = convolve(x, weight, None, stride, padding, dilation, groups)
        return torch.autograd.grad(out, weight, y, create_graph=True)[0]

    return gradient


def of_filter(label, x, y, size, **facts):
    return Case(
        "conv_filter",
        lambda x, y: conv_filter(x, y, size=size, **facts),
        [normal(*x), normal(*y)],
        torch_filter(size=size, **facts),
        label=label,
    )


CASES = [
    *(convolution(*row) for row in CONVOLUTIONS),
    *(transpose(*row) for row in TRANSPOSES),
    Case(
        "conv",
        lambda x, w: F.conv2d(x, w, padding="same"),
        [normal(2, 2, 4, 5), normal(3, 2, 2, 4)],
        lambda torch, x, w: torch.nn.functional.conv2d(
            torch.nn.functional.pad(x, (1, 2, 0, 1)), w
        ),
        label="no bias, even filters, same size",
    ),
    Case(
        "conv_transpose",
        lambda x, w: F.conv_transpose2d(x, w),
        [normal(2, 2, 3, 3), normal(2, 1, 2, 2)],
        lambda torch, x, w: torch.nn.functional.conv_transpose2d(x, w),
        label="no bias",
    ),
    of_filter("2d", (2, 4, 5, 5), (2, 2, 3, 2), (3, 3),
              stride=(2, 2), padding=(1, 0), dilation=(1, 1), groups=2),
    of_filter("1d", (2, 2, 6), (2, 3, 4), (2,),
              stride=(1,), padding=(0,), dilation=(2,), groups=1),
]  # fmt: skip
