"""The benchmarks: that peers compute the same, and ratios say what the timings were."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import json
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_tr as tt
import tinygrad_tr.benchmarks as benchmarks
from tinygrad_tr import kernels
from tinygrad_tr.benchmarks import __main__ as cli
from tinygrad_tr.benchmarks import (
    compare,
    first_calls,
    machine,
    peers,
    plots,
    processes,
    rules,
    samples,
    scaling,
    timing,
    workloads,
)
from tinygrad_tr.benchmarks.report import Section, Table
from tinygrad_tr.benchmarks.workloads import CURVES, WORKLOADS, Curve, chosen, named
from tinygrad_tr.kernels import compiled
from tinygrad_tr.rule import rules as registered

OURS, BY_HAND = peers.OURS, peers.BY_HAND


@pytest.fixture
def no_pause(monkeypatch):
    """Without rest and sweeping between measurements: these tests look at no time."""
    monkeypatch.setattr(timing, "until_quiet", float)
    monkeypatch.setattr(gc, "collect", lambda: 0)


# --------------------------------------------------------------------------- the peers agree


SMALLER = {
    "chain-1M": workloads.chain(1_000),
    "mlp-1024": workloads.perceptron(784, 64, 64, 10, batch=16, rate=1e-3),
    "logistic": workloads.logistic(1_000, 50),
    "max-pool": lambda rng: {
        "x": workloads.normal(rng, 2, 3, 8, 6), "g": workloads.normal(rng, 2, 3, 4, 3)
    },
    "lenet": workloads.images(4, 1, 32, 10, rate=1e-3),
    "resnet": workloads.images(4, 3, 16, 10, rate=0.01),
    "inverted-residual": workloads.images(2, 32, 8, 10, rate=0.01),
    "unet": workloads.images(2, 1, 16, 4, rate=1e-3, each_pixel=True),
    "transformer": workloads.text(
        2, 8, 16, rate=1e-3, features=32, heads=4, layers=2, inner=64
    ),
    "lstm": workloads.text(4, 8, 16, rate=1e-3, kind="LSTM", hidden=16),
    "gru": workloads.text(4, 8, 16, rate=1e-3, kind="GRU", hidden=16),
}  # fmt: skip


def smaller(workload):
    """The same program on less, where all of it takes long."""
    return dataclasses.replace(workload, data=SMALLER.get(workload.name, workload.data))


WRITTEN_BY_HAND = [w for w in WORKLOADS if hasattr(peers.load(BY_HAND), w.program)]


@pytest.mark.parametrize("workload", [smaller(w) for w in WRITTEN_BY_HAND], ids=lambda w: w.name)
def test_ours_computes_what_numpy_by_hand_does(workload):
    compare.checked(workload, {peer: peers.load(peer) for peer in (OURS, BY_HAND)})


@pytest.mark.oracle
@pytest.mark.parametrize("workload", [smaller(w) for w in WORKLOADS], ids=lambda w: w.name)
def test_ours_computes_what_pytorch_does(workload):
    pytest.importorskip("torch")
    compare.checked(workload, {peer: peers.load(peer) for peer in ("torch", OURS)})


@pytest.mark.parametrize("name", ["autograd", "jax", "mygrad", "micrograd"])
def test_other_peers_compute_what_numpy_by_hand_or_ours_does(name):
    if name not in peers.installed():
        pytest.skip(f"{name} is not installed")
    module = peers.load(name)
    for workload in map(smaller, WORKLOADS):
        if hasattr(module, workload.program):
            witness = BY_HAND if hasattr(peers.load(BY_HAND), workload.program) else OURS
            compare.checked(workload, {name: module, witness: peers.load(witness)})


@pytest.mark.oracle
def test_pytorch_has_something_to_ask_for_where_there_is_an_optimizer_or_a_table():
    pytest.importorskip("torch")
    fused, plain = peers.load("torch-fused"), peers.load("torch")
    asked = {w.name for w in WORKLOADS if hasattr(fused, w.program)}
    assert {"mlp-64", "adam", "lenet", "skip-gram"} < asked
    assert not {"scalar", "chain-10", "conv2d", "rmsprop"} & asked
    for workload in chosen(["mlp-64", "skip-gram"]):
        compare.checked(workload, {"torch": plain, "torch-fused": fused})


@pytest.mark.parametrize("peer", [peers.NUMPY_ALONE, peers.COMPILED])
def test_ours_computes_the_same_in_its_other_ways(peer):
    if peers.missing(peer):
        pytest.skip(f"needs {peers.missing(peer)}")
    for workload in chosen(["scalar", "chain-10", "mlp-64", "cross-entropy"]):
        compare.checked(workload, {name: peers.load(name) for name in (peer, BY_HAND)})


@pytest.mark.skipif(not compiled.available(), reason="numba is not installed")
def test_numpy_alone_is_alone_while_a_step_runs_and_while_many_are_measured():
    module = peers.load(peers.NUMPY_ALONE)
    step = timing.Under(module.alone, lambda: used.append(compiled.Kernels.loops))
    used: list[bool] = []
    with kernels.use("numba"):
        step()
        timing.measured(step, 2)
        assert used == [False] * 3
        assert compiled.Kernels.loops
    assert not hasattr(module, "sudoku")


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [1.0, 2.0, 3.01], [1.0, 2.0, np.nan]])
def test_a_peer_with_other_numbers_stops_the_comparison(wrong):
    (workload,) = chosen(["scalar"])

    def peer(*numbers):
        return SimpleNamespace(array=np.asarray, scalar=lambda a, b, c: lambda: (numbers,))

    compare.checked(workload, {BY_HAND: peer(1.0, 2.0, 3.0), "same": peer(1.0, 2.0, 3.0)})
    with pytest.raises(compare.DisagreementError, match="scalar: output 0 of other"):
        compare.checked(workload, {BY_HAND: peer(1.0, 2.0, 3.0), "other": peer(*wrong)})


def test_a_training_step_changes_the_next_loss():
    for workload in map(smaller, chosen(["mlp-64", "mlp-784", "logistic", "lenet", "resnet"])):
        ours = peers.load(OURS)
        losses = compare.outputs(compare.build(workload, ours), ours.array)
        assert losses[0] > losses[1] > losses[2], workload.name


def test_every_workload_is_written_for_ours_and_all_but_deep_networks_by_hand():
    assert all(hasattr(peers.load(OURS), workload.program) for workload in WORKLOADS)
    names = {workload.name for workload in WORKLOADS}
    by_hand = {workload.name for workload in WRITTEN_BY_HAND}
    deep = {"resnet", "inverted-residual", "unet", "lstm", "gru", "transformer"}
    assert names - by_hand == deep
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)
    assert set(compare.QUICK) < set(names)
    assert set(names) > processes.WITHOUT_MEMORY


# --------------------------------------------------------------------------- timing


def test_a_ratio_has_the_minima_and_the_median_of_the_rounds():
    found = timing.ratio([2.0, 8.0, 3.0], [4.0, 4.0, 4.0])
    assert found == timing.Ratio(minimum=0.5, median=0.75)
    found = timing.ratio([1.0, 10.0], [2.0, 5.0])
    assert found == timing.Ratio(minimum=0.5, median=1.25)


def test_the_results_ratios_are_to_the_reference_and_the_control_is_ours():
    times = {OURS: [1.0, 2.0], "torch": [4.0, 4.0], compare.CONTROL: [2.0, 2.0]}
    result = compare.Result(WORKLOADS[0], "torch", times)
    assert result.ratios == {OURS: timing.Ratio(0.25, 0.375)}
    assert result.control == timing.Ratio(2.0, 1.5)
    table = compare.comparison_table([result])
    assert table.rows == [[WORKLOADS[0].title, "4000", "0.25 (0.38)", "2.00 (1.50)"]]


def test_a_peer_without_a_workload_leaves_its_cell_empty():
    first, second = WORKLOADS[:2]
    control = {OURS: [1.0], compare.CONTROL: [1.0]}
    main, others = compare.comparison_tables(
        [
            compare.Result(first, OURS, {**control, BY_HAND: [0.5], "torch": [2.0]}),
            compare.Result(second, OURS, {**control, BY_HAND: [0.5]}),
        ]
    )
    assert main.columns[2:] == ["NumPy by hand", "best peer", "ours / ours"]
    assert others.columns == ["workload", "PyTorch"]
    assert [row[1] for row in others.rows] == ["2.00 (2.00)", ""]


def test_the_best_peer_is_the_fastest_of_the_others_engines():
    times = {
        OURS: [1.0], peers.COMPILED: [0.5], BY_HAND: [0.1], compare.CONTROL: [1.0],
        "torch": [4.0], "torch-fused": [3.0], "jax": [5.0],
    }  # fmt: skip
    found = compare.Result(WORKLOADS[0], "torch", times)
    assert found.best == ("torch-fused", timing.Ratio(0.75, 0.75))
    assert found.as_json()["best"] == "torch-fused"
    table, others = compare.comparison_tables([found])
    assert table.rows[0][-2] == "0.75 PyTorch, fused"
    assert others.columns == ["workload", "PyTorch, fused", "jax.jit"]
    del times["torch-fused"]
    assert found.best == ("torch", timing.Ratio(1.0, 1.0)), "none is faster than the reference"


def test_a_row_measured_beside_another_program_is_marked_and_the_note_says_so():
    times = {OURS: [1.0], compare.CONTROL: [1.0]}
    quiet = compare.Result(WORKLOADS[0], OURS, times, others=0.02)
    unknown = compare.Result(WORKLOADS[0], OURS, times, others=None)
    disturbed = compare.Result(WORKLOADS[1], OURS, times, others=0.9)
    assert "Another program" not in compare.comparison_table([quiet, unknown]).note
    table = compare.comparison_table([quiet, disturbed])
    assert [row[0] for row in table.rows] == [WORKLOADS[0].title, WORKLOADS[1].title + " *"]
    assert "Another program" in table.note


def test_the_cores_of_others_are_those_of_the_machine_without_our_own(monkeypatch):
    readings = iter([(10.0, 100.0, 5.0), (12.0, 103.0, 7.0)])
    monkeypatch.setattr(machine.Others, "now", lambda self: next(readings))
    with machine.Others() as others:
        assert others.cores is None
    assert others.cores == 0.5


def test_steps_take_turns_and_the_first_place_goes_round(monkeypatch, no_pause):
    order = []
    steps = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}

    def measured(step, calls):
        step()
        return float(len(order))

    monkeypatch.setattr(timing, "burnt_in", lambda step: 0.5)
    monkeypatch.setattr(timing, "measured", measured)
    times = timing.interleave(steps, seconds=0.5)
    assert order == [*"aabb", *"bbaa", *"aabb"], "each is warmed, then timed"
    assert times == {"a": [2.0, 8.0, 10.0], "b": [4.0, 6.0, 12.0]}
    order.clear()
    monkeypatch.setattr(timing, "burnt_in", lambda step: timing.LONG)
    timing.interleave(steps, seconds=0.5)
    assert order == [*"ab", *"ba", *"ab"], "a long one warms itself"


def test_a_rest_ends_when_the_process_is_quiet_or_has_waited_long_enough(monkeypatch):
    used = iter([0.0, 1.0, 1.0, 2.0, 2.0, 2.0])  # busy, busy, quiet
    clock = itertools.count(0.0, 0.001)
    fake = SimpleNamespace(
        process_time=lambda: next(used), perf_counter=lambda: next(clock), sleep=lambda s: None
    )
    monkeypatch.setattr(timing, "time", fake)
    assert timing.until_quiet() == pytest.approx(0.003)
    assert next(used, None) is None
    fake.process_time = itertools.count().__next__  # never quiet
    clock = itertools.count(0.0, 0.1)
    assert timing.until_quiet() >= timing.LONGEST_REST


def test_the_number_of_calls_fits_the_budget_and_is_never_too_short_to_measure():
    assert timing.calls_within(1.1, cost=0.01) == 99
    assert timing.calls_within(0.0, cost=timing.SHORTEST / 4) == 4
    assert timing.calls_within(0.0, cost=10.0) == 1
    assert timing.rounds_within(1e9, 0.0, [1e-6]) == timing.ROUNDS
    assert timing.rounds_within(0.0, 0.0, [1.0]) == timing.FEWEST_ROUNDS


def test_the_collector_is_off_while_timing_and_back_on_after_an_error(no_pause):
    seen = []

    def step():
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        timing.interleave({"a": step}, seconds=0.1)
    assert seen == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


# --------------------------------------------------------------------------- the command


def test_the_command_lists_every_workload_and_every_peer(capsys):
    cli.main(["--list"])
    printed = capsys.readouterr().out
    for name in [*(workload.name for workload in WORKLOADS), *peers.PEERS]:
        assert name in printed
    assert np.__version__ in printed


def test_the_command_prints_a_table_and_writes_every_measurement(tmp_path, capsys, no_pause):
    file = tmp_path / "numbers.json"
    cli.main([
        "--only", "scalar", "chain-10", "--against", BY_HAND, "--peers", OURS,
        "--seconds", "0.1", "--json", str(file),
    ])  # fmt: skip
    printed = capsys.readouterr().out
    numbers = json.loads(file.read_text())
    assert numbers["machine"]["threads"] == machine.threads()
    assert numbers["versions"]["numpy"] == np.__version__
    assert [row["name"] for row in numbers["workloads"]] == ["scalar", "chain-10"]
    for row in numbers["workloads"]:
        times = row["seconds_per_call"]
        assert set(times) == {OURS, compare.CONTROL, BY_HAND}
        assert len({len(found) for found in times.values()}) == 1
        minimum = min(times[OURS]) / min(times[BY_HAND])
        assert row["ratios"][OURS]["minimum"] == minimum
        assert f"{minimum:.2f} (" in printed
        assert row["title"] in printed


def test_the_command_writes_a_page_of_every_table(tmp_path, monkeypatch, capsys):
    table = Table("Rules", ["rule", "ns"], [["tanh", "230"]], "A note.")
    monkeypatch.setattr(cli, "measurements", lambda asked: [Section("rules", [table], [])])
    cli.main(["--write", str(tmp_path / "page.md")])
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("# Benchmarks\n")
    assert "## Rules\n\n| rule | ns |\n| --- | --: |\n| tanh | 230 |\n\nA note.\n" in page
    assert str(table) in capsys.readouterr().out


def test_a_page_shows_the_plots_that_stand_beside_it(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    times = {OURS: [1.0], BY_HAND: [2.0], "torch": [4.0], compare.CONTROL: [1.0]}
    rows = [compare.Result(workload, BY_HAND, times) for workload in chosen(["lstm", "resnet"])]
    grow = [scaling.Growing(c, {OURS: list(c.sizes)}, {OURS: list(c.sizes)}) for c in CURVES]
    sections = [
        Section("workloads", compare.comparison_tables(rows), rows, lambda: plots.ratios(rows)),
        Section("scaling", [scaling.scaling_table(grow)], grow, lambda: plots.curves(grow)),
    ]
    monkeypatch.setattr(cli, "measurements", lambda asked: sections)
    cli.main(["--write", str(tmp_path / "page.md"), "--json", str(tmp_path / "page.json")])
    page = (tmp_path / "page.md").read_text()
    for heading, file in (("Forward", "page.svg"), ("Scaling", "page-scaling.svg")):
        under = page.split(f"## {heading}")[1]
        assert under.index(f"]({file})") < under.index("| --- |"), "above its table"
    assert "resnet" in (tmp_path / "page.svg").read_text()
    assert "tinygrad_tr: 1.00" in (tmp_path / "page-scaling.svg").read_text()
    numbers = json.loads((tmp_path / "page.json").read_text())
    assert numbers["scaling"][0]["exponents"]["bytes"][OURS] == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "heading"),
    [
        (["--memory", "--only", "adam"], "Peak memory"),
        (["--first-call", "--only", "adam"], "Starting"),
        (["--imports"], "Time of an import"),
        (["--rules", "--only", "tanh", "conv"], "All other rules"),
        (["--scaling", "--only", "few"], "Scaling"),
    ],
)
def test_the_command_measures_what_it_is_asked_for_and_nothing_else(
    arguments, heading, tmp_path, monkeypatch, capsys, no_pause
):
    few = Curve("few", "operations", "chain", (4, 8), lambda n: workloads.chain(3, blocks=n // 4))
    monkeypatch.setattr(workloads, "CURVES", [few])
    for module in (processes, first_calls):
        monkeypatch.setattr(module, "fresh", lambda *arguments, **variables: "4096")
    cli.main([*arguments, "--against", BY_HAND, "--seconds", "0.01", "--json", f"{tmp_path}/n"])
    assert heading in capsys.readouterr().out
    kinds = {"machine", "versions", "seconds"}
    (kind,) = set(json.loads((tmp_path / "n").read_text())) - kinds
    assert kind in {"memory", "first-calls", "imports", "rules", "scaling"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "resnet-9000"], "no 'resnet-9000' among scalar, chain-10"),
        (["--rules", "--only", "tahn"], "no 'tahn' among"),
        (["--scaling", "--only", "scalar"], "no 'scalar' among operations, batch, steps"),
        (["--against", "theano"], "no peer 'theano' is installed here, but ours, "),
        (["--peers", "theano"], "no peer 'theano' is installed here, but ours, "),
        (["--seconds", "0"], "--seconds: 0.0 is no time"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_those_that_do(arguments, words, capsys):
    with pytest.raises(SystemExit):
        cli.main(arguments)
    assert words in capsys.readouterr().err


def test_quick_gives_a_table_also_without_pytorch(monkeypatch, no_pause):
    monkeypatch.setattr(compare, "reference", lambda: BY_HAND)
    monkeypatch.setattr(compare, "QUICK", ("scalar", "chain-10"))
    table = benchmarks.quick(seconds=0.1)
    assert table.columns == ["workload", "NumPy by hand, ms", "tinygrad_tr", "ours / ours"]
    titles = [row[0].removesuffix(" *") for row in table.rows]
    assert titles == [w.title for w in chosen(compare.QUICK)]
    assert table.title in str(table)


def test_threads_are_set_before_numpy_is_loaded_or_the_process_starts_again(monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: started.append(arguments))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--list"])
    monkeypatch.setattr(os, "environ", {})
    machine.hold_threads(3, "benchmarks")
    assert started == [[sys.executable, "-m", "benchmarks", "--list"]]
    assert machine.threads() == 3
    machine.hold_threads(3, "benchmarks")
    assert len(started) == 1, "the variables are set: nothing to start again"
    monkeypatch.delitem(sys.modules, "numpy")
    machine.hold_threads(1, "benchmarks")
    assert len(started) == 1, "NumPy is not loaded yet: it will read the variables"
    assert machine.threads() == 1


# --------------------------------------------------------------------------- rules and processes


def test_every_rule_has_a_sample_to_time_it_with():
    assert rules.untimed() == []
    left_over = set(samples.SAMPLES) - set(registered)
    assert not left_over, "samples of rules that are no more"


@pytest.mark.parametrize("name", sorted(registered))
def test_a_rules_sample_is_inside_its_domain(name):
    made = registered[name]
    for step in rules.steps(made, 300).values():
        for part in rules.parts(step()):
            if isinstance(part, tt.Tensor):
                assert np.isfinite(part.numpy()).all()


def test_a_rule_without_a_sample_is_named_and_not_timed(monkeypatch, no_pause):
    monkeypatch.delitem(samples.SAMPLES, "conv")
    assert rules.untimed() == ["conv"]
    assert rules.measure((1_000,), ["conv"], seconds=0.01) == []
    (table,) = rules.rules_tables(rules.measure((1,), ["tanh"], seconds=0.01))
    assert table.note.endswith("Not timed, for want of a sample: conv.")


def test_a_rules_row_has_its_price_at_every_size(no_pause):
    found = rules.measure((1, 10), ["tanh", "sum", "greater"], seconds=0.01)
    rows = [("greater", 1), ("greater", 10), ("sum", 10), ("tanh", 1), ("tanh", 10)]
    assert [(timed.rule, timed.n) for timed in found] == rows, "a sum of one number is none"
    elementwise, others = rules.rules_tables(found)
    assert [row[0] for row in elementwise.rows] == ["greater", "tanh"]
    assert all(len(row) == len(elementwise.columns) == 7 for row in elementwise.rows)
    assert elementwise.rows[0][3] == "", "there is no way back through a comparison"
    assert [row[0] for row in others.rows] == ["sum"]
    times = {rules.BY_HAND: [1e-9], rules.FORWARD: [2e-9], rules.BACKWARD: [5e-9]}
    table = rules.rules_table("", [rules.Timed("tanh", 1, times)])
    assert table.rows == [["tanh", "1", "2.00", "5.00"]]


def test_import_times_are_compared_with_numpy():
    table = processes.import_table({"numpy": [0.1, 0.2], "tinygrad_tr": [0.2, 0.3]})
    assert [row[:2] for row in table.rows] == [
        ["import numpy", "100"],
        ["import tinygrad_tr", "200"],
    ]
    assert table.rows[1][2] == "2.00 (1.75)"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_peak_memory_of_a_step_counts_what_it_allocates():
    megabytes = processes.growth_in_fresh_process("chain-1M", BY_HAND) / 1e6
    arrays = 13  # of 4 MB: two kept in each of five blocks, dx, dw and the gradient
    assert 4 * arrays <= megabytes <= 8 * arrays


def test_memory_is_compared_with_the_reference():
    grown = [processes.Growth(WORKLOADS[0], {"torch": 2 * processes.MIB, OURS: processes.MIB})]
    table = processes.memory_table(grown, "torch")
    assert table.rows == [[WORKLOADS[0].title, "2.0", "0.50"]]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_what_a_step_keeps_counts_and_what_it_only_loads_does_not(monkeypatch, no_pause):
    build, kept = [], []

    def program(**data):
        build.append(data)

        def step():
            if len(kept) < 2 * len(build):
                kept.append(np.ones(1 << 22, np.uint8))

        return step

    module = SimpleNamespace(scalar=program, set_threads=lambda n: None)
    monkeypatch.setattr(processes, "load", lambda peer: module)
    grown = processes.growth(WORKLOADS[0], "other") / processes.MIB
    assert len(kept) == 4, "two of each build"
    assert 8 <= grown < 10


def test_starting_is_measured_with_an_empty_folder_and_with_what_was_kept(monkeypatch):
    folders = []

    def fresh(*arguments, **variables):
        folders.append(variables["NUMBA_CACHE_DIR"])
        assert os.listdir(folders[-1]) == ["code"] * (len(folders) % 2 == 0)
        open(os.path.join(folders[-1], "code"), "w").close()
        return f"{1 / len(folders)}\n"

    monkeypatch.setattr(first_calls, "fresh", fresh)
    found = first_calls.starting(["scalar", "resnet"], [OURS, BY_HAND])
    assert folders[0] == folders[1] != folders[2] == folders[3]
    table = first_calls.starting_table(found)
    assert [row[1:] for row in table.rows] == [["1.00 (0.50)", "0.33 (0.25)"], ["0.20 (0.17)", ""]]


def test_starting_costs_what_the_first_calls_take_longer():
    assert 0 <= first_calls.cost(named("scalar"), OURS) < 60


def test_an_exponent_is_that_of_the_larger_sizes():
    sizes = [1, 10, 100, 1_000, 10_000]
    assert scaling.exponent(sizes, [n**1.5 for n in sizes]) == pytest.approx(1.5)
    assert scaling.exponent(sizes, [700, 700, 200, 2_000, 20_000]) == pytest.approx(1)


def test_scaling_times_every_size_and_gives_exponents(no_pause):
    chain = {n: workloads.chain(3, blocks=n // 4) for n in (4, 8, 16)}
    curve = Curve("few", "operations", "chain", list(chain), chain.get)
    (found,) = scaling.measure([OURS, BY_HAND], seconds=0.01, curves=[curve], memory=False)
    assert [len(row) for row in found.seconds.values()] == [3, 3]
    table = scaling.scaling_table([found])
    assert [row[1] for row in table.rows] == ["4", "8", "16", "exponent"]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_the_point_of_a_curve_has_a_name_that_another_process_understands():
    for curve in CURVES:
        point = curve.at(curve.sizes[0])
        again = named(point.name)
        assert (again.name, again.program) == (point.name, curve.program)
        assert hasattr(peers.load(OURS), curve.program)
    assert named("lenet") == chosen(["lenet"])[0]
