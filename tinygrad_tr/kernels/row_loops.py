"""Loops over rows of numbers and shifted copies of them, several at a time.

A row of results, the rows it reads and their factors stay in the first cache and in registers:
one pass of `add_eight` does 32 products for four numbers read from the rows and eight from the
sums. What the rows are, says kernels/shifted_rows.py.
"""

from __future__ import annotations

from typing import Any

from tinygrad_tr.kernels import compiled

Array = Any

OUTPUTS, TAPS = 8, 4  # at a time


@compiled.loop
def part_of(item: int, images: int, positions: int, sizes: Array) -> tuple[int, int, int, int]:
    """The first image of a part, how many, its first position on axis A, and how many."""
    bands = -(-positions // sizes[3])
    image, top = item // bands * sizes[2], item % bands * sizes[3]
    return image, min(sizes[2], images - image), top, min(sizes[3], positions - top)


@compiled.loop
def lay(
    x: Array, part: tuple[int, int, int, int], channel: int,
    stride: Array, phases: Array, lengths: Array, steps: Array, sizes: Array, rows: Array,
) -> None:  # fmt: skip
    """Channels of a part as rows with zeros between, one for each channel and phase."""
    image, images, top, band = part
    low, high = max(0, top + sizes[4]), top + band + sizes[5]
    for r in range(len(rows)):
        row = rows[r]
        row[:] = 0
        c, p = channel + r // len(phases), r % len(phases)
        width, first = lengths[p, 2], phases[p, 2]
        for n in range(images):
            for a in range(low, min(lengths[p, 0], high)):
                for b in range(lengths[p, 1]):
                    at = steps[3] + n * steps[0] + (a - top) * steps[1] + b * steps[2]
                    target = row[at : at + width]
                    source = x[
                        image + n, c, a * stride[0] + phases[p, 0], b * stride[1] + phases[p, 1]
                    ]
                    if stride[2] == 1:
                        for w in range(width):
                            target[w] = source[w]
                    else:
                        for w in range(width):
                            target[w] = source[w * stride[2] + first]


# ------------------------------------------------------------------ sums of shifted rows


@compiled.loop
def gather(
    x: Array, weight: Array, bias: Array, out: Array, stride: Array, phases: Array,
    lengths: Array, taps: Array, steps: Array, sizes: Array, rows: Array, sums: Array,
    first: int, last: int,
) -> None:  # fmt: skip
    """Items first to last of Σ w · shifted rows + b; an item is a part and a group of channels.

    x (N, C, A, B, W), weight (G, outputs, taps) with zeros up to whole blocks, bias (O,), out
    (N, O, A', B', W'). `rows` and `sums` are scratch.
    """
    groups, members = len(weight), out.shape[1] // len(weight)
    channels, flat, block = x.shape[1] // groups, rows.ravel(), len(sums)
    rows[-1] = 0
    for item in range(first, last):
        part = part_of(item // groups, len(x), out.shape[2], sizes)
        image, images, top, band = part
        group = item % groups
        lay(x, part, group * channels, stride, phases, lengths, steps, sizes, rows[:-1])
        for o in range(0, members, block):
            channel = group * members + o
            for i in range(min(block, members - o)):
                sums[i] = bias[channel + i]
            if block == 1:
                add_one(sums[0], flat, taps, weight[group, o], sizes[1])
            else:
                add_eight(sums, flat, taps, weight[group, o : o + 8], sizes[1])
            for i in range(min(block, members - o)):
                for n in range(images):
                    for a in range(band):
                        for b in range(out.shape[3]):
                            target = out[image + n, channel + i, top + a, b]
                            at = n * steps[0] + a * steps[1] + b * steps[2]
                            source = sums[i, at : at + len(target)]
                            for w in range(len(target)):
                                target[w] = source[w]


@compiled.loop
def add_eight(out: Array, rows: Array, taps: Array, weight: Array, long: int) -> None:
    """out[i] += Σ weight[i, t] · rows[taps[t] :] for eight i, four taps in each pass."""
    y0, y1, y2, y3 = out[0], out[1], out[2], out[3]
    y4, y5, y6, y7 = out[4], out[5], out[6], out[7]
    for t in range(0, len(taps), 4):
        r0 = rows[taps[t] : taps[t] + long]
        r1 = rows[taps[t + 1] : taps[t + 1] + long]
        r2 = rows[taps[t + 2] : taps[t + 2] + long]
        r3 = rows[taps[t + 3] : taps[t + 3] + long]
        w = weight[:, t : t + 4]
        a0, a1, a2, a3 = w[0, 0], w[0, 1], w[0, 2], w[0, 3]
        b0, b1, b2, b3 = w[1, 0], w[1, 1], w[1, 2], w[1, 3]
        c0, c1, c2, c3 = w[2, 0], w[2, 1], w[2, 2], w[2, 3]
        d0, d1, d2, d3 = w[3, 0], w[3, 1], w[3, 2], w[3, 3]
        e0, e1, e2, e3 = w[4, 0], w[4, 1], w[4, 2], w[4, 3]
        f0, f1, f2, f3 = w[5, 0], w[5, 1], w[5, 2], w[5, 3]
        g0, g1, g2, g3 = w[6, 0], w[6, 1], w[6, 2], w[6, 3]
        h0, h1, h2, h3 = w[7, 0], w[7, 1], w[7, 2], w[7, 3]
        for j in range(long):
            x0, x1, x2, x3 = r0[j], r1[j], r2[j], r3[j]
            y0[j] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            y1[j] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            y2[j] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
            y3[j] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
            y4[j] += e0 * x0 + e1 * x1 + e2 * x2 + e3 * x3
            y5[j] += f0 * x0 + f1 * x1 + f2 * x2 + f3 * x3
            y6[j] += g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
            y7[j] += h0 * x0 + h1 * x1 + h2 * x2 + h3 * x3


@compiled.loop
def add_one(out: Array, rows: Array, taps: Array, weight: Array, long: int) -> None:
    """out += Σ weight[t] · rows[taps[t] :], four taps in each pass."""
    for t in range(0, len(taps), 4):
        r0 = rows[taps[t] : taps[t] + long]
        r1 = rows[taps[t + 1] : taps[t + 1] + long]
        r2 = rows[taps[t + 2] : taps[t + 2] + long]
        r3 = rows[taps[t + 3] : taps[t + 3] + long]
        w0, w1, w2, w3 = weight[t], weight[t + 1], weight[t + 2], weight[t + 3]
        for j in range(long):
            out[j] += w0 * r0[j] + w1 * r1[j] + w2 * r2[j] + w3 * r3[j]


# ------------------------------------------------------------------ products of shifted rows


@compiled.loop
def dots(
    x: Array, y: Array, out: Array, whole: Array, extent: Array, stride: Array, phases: Array,
    lengths: Array, taps: Array, steps: Array, sizes: Array, rows: Array, others: Array,
    first: int, last: int, zero: Any,
) -> None:  # fmt: skip
    """What items first to last add to Σ y · shifted rows, for each output and tap.

    x (N, C, A, B, W), y (N, O, A', B', W') -> out (G, outputs, taps) with whole blocks. y is laid
    out in one phase, `whole`, of that `extent`, with zeros where x's rows have their gaps.
    `rows` and `others` are scratch.
    """
    groups, members = len(out), y.shape[1] // len(out)
    channels, flat, block = x.shape[1] // groups, rows.ravel(), len(others)
    once, inside, within = stride * 0 + 1, steps.copy(), sizes.copy()
    inside[3] = within[4] = within[5] = 0
    rows[-1] = 0
    for item in range(first, last):
        part = part_of(item // groups, len(x), y.shape[2], sizes)
        group = item % groups
        lay(x, part, group * channels, stride, phases, lengths, steps, sizes, rows[:-1])
        for o in range(0, members, block):
            some = min(block, members - o)
            others[some:] = 0
            channel = group * members + o
            lay(y, part, channel, once, whole, extent, inside, within, others[:some])
            if block == 1:
                dot_one(out[group, o], others[0], flat, taps, sizes[1], zero)
            else:
                dot_four(out[group, o : o + 4], others, flat, taps, sizes[1], zero)


@compiled.loop
def dot_four(out: Array, y: Array, rows: Array, taps: Array, long: int, zero: Any) -> None:
    """out[i, t] += Σ y[i] · rows[taps[t] :] for four i, four taps in each pass."""
    y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
    for t in range(0, len(taps), 4):
        r0 = rows[taps[t] : taps[t] + long]
        r1 = rows[taps[t + 1] : taps[t + 1] + long]
        r2 = rows[taps[t + 2] : taps[t + 2] + long]
        r3 = rows[taps[t + 3] : taps[t + 3] + long]
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero
        c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = zero
        for j in range(long):
            x0, x1, x2, x3 = r0[j], r1[j], r2[j], r3[j]
            a, b, c, d = y0[j], y1[j], y2[j], y3[j]
            a0 += a * x0
            a1 += a * x1
            a2 += a * x2
            a3 += a * x3
            b0 += b * x0
            b1 += b * x1
            b2 += b * x2
            b3 += b * x3
            c0 += c * x0
            c1 += c * x1
            c2 += c * x2
            c3 += c * x3
            d0 += d * x0
            d1 += d * x1
            d2 += d * x2
            d3 += d * x3
        for i, (p, q, r, s) in enumerate(
            ((a0, a1, a2, a3), (b0, b1, b2, b3), (c0, c1, c2, c3), (d0, d1, d2, d3))
        ):
            out[i, t] += p
            out[i, t + 1] += q
            out[i, t + 2] += r
            out[i, t + 3] += s


@compiled.loop
def dot_one(out: Array, y: Array, rows: Array, taps: Array, long: int, zero: Any) -> None:
    """out[t] += Σ y · rows[taps[t] :], four taps in each pass."""
    for t in range(0, len(taps), 4):
        r0 = rows[taps[t] : taps[t] + long]
        r1 = rows[taps[t + 1] : taps[t + 1] + long]
        r2 = rows[taps[t + 2] : taps[t + 2] + long]
        r3 = rows[taps[t + 3] : taps[t + 3] + long]
        s0 = s1 = s2 = s3 = zero
        for j in range(long):
            s0 += y[j] * r0[j]
            s1 += y[j] * r1[j]
            s2 += y[j] * r2[j]
            s3 += y[j] * r3[j]
        out[t] += s0
        out[t + 1] += s1
        out[t + 2] += s2
        out[t + 3] += s3
