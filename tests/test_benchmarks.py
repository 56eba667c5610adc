"""The benchmarks: that peers compute the same, and ratios say what the timings were."""

from __future__ import annotations

import gc
import itertools
import json
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_tr.benchmarks as benchmarks
from tinygrad_tr.benchmarks import __main__ as cli
from tinygrad_tr.benchmarks import compare, machine, peers, processes, rules, timing
from tinygrad_tr.benchmarks.report import Table
from tinygrad_tr.benchmarks.workloads import WORKLOADS, chosen

OURS, BY_HAND = peers.OURS, peers.BY_HAND


@pytest.fixture
def no_pause(monkeypatch):
    """Without the rest between measurements: these tests look at no time."""
    monkeypatch.setattr(timing, "until_quiet", float)


# --------------------------------------------------------------------------- the peers agree


WRITTEN_BY_HAND = [w for w in WORKLOADS if hasattr(peers.load(BY_HAND), w.program)]


@pytest.mark.parametrize("workload", WRITTEN_BY_HAND, ids=lambda w: w.name)
def test_ours_computes_what_numpy_by_hand_does(workload):
    compare.check(workload, {peer: peers.load(peer) for peer in (OURS, BY_HAND)})


@pytest.mark.oracle
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_ours_computes_what_pytorch_does(workload):
    pytest.importorskip("torch")
    compare.check(workload, {peer: peers.load(peer) for peer in ("torch", OURS)})


@pytest.mark.parametrize("name", ["autograd", "jax", "micrograd"])
def test_other_peers_compute_what_numpy_by_hand_does(name):
    if name not in peers.installed():
        pytest.skip(f"{name} is not installed")
    module = peers.load(name)
    for workload in WORKLOADS:
        if hasattr(module, workload.program):
            compare.check(workload, {name: module, BY_HAND: peers.load(BY_HAND)})


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [1.0, 2.0, 3.01], [1.0, 2.0, np.nan]])
def test_a_peer_with_other_numbers_stops_the_comparison(wrong):
    (workload,) = chosen(["scalar"])

    def peer(*numbers):
        return SimpleNamespace(array=np.asarray, scalar=lambda a, b, c: lambda: (numbers,))

    compare.check(workload, {BY_HAND: peer(1.0, 2.0, 3.0), "same": peer(1.0, 2.0, 3.0)})
    with pytest.raises(compare.DisagreementError, match="scalar: output 0 of other"):
        compare.check(workload, {BY_HAND: peer(1.0, 2.0, 3.0), "other": peer(*wrong)})


def test_a_training_step_changes_the_next_loss():
    for workload in chosen(["mlp-64", "mlp-784", "logistic", "lenet", "resnet"]):
        losses = compare.outputs(workload, peers.load(OURS))
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
    assert set(processes.MEMORY_WORKLOADS) < set(names)


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
    table = compare.comparison_table(
        [
            compare.Result(first, OURS, {**control, "torch": [2.0]}),
            compare.Result(second, OURS, control),
        ]
    )
    assert [row[2] for row in table.rows] == ["2.00 (2.00)", ""]


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

    monkeypatch.setattr(timing, "burnt_in", lambda step: 1.0)
    monkeypatch.setattr(timing, "measured", measured)
    times = timing.interleave(steps, seconds=0.5)
    assert order == [*"aabb", *"bbaa", *"aabb"], "each is warmed, then timed"
    assert times == {"a": [2.0, 8.0, 10.0], "b": [4.0, 6.0, 12.0]}


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
    for name in [*(workload.name for workload in WORKLOADS), *peers.PACKAGES]:
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
    assert numbers["versions"][BY_HAND] == np.__version__
    assert [row["name"] for row in numbers["workloads"]] == ["scalar", "chain-10"]
    for row in numbers["workloads"]:
        times = row["seconds_per_call"]
        assert set(times) == {OURS, compare.CONTROL, BY_HAND}
        assert len({len(found) for found in times.values()}) == 1
        minimum = min(times[OURS]) / min(times[BY_HAND])
        assert row["ratios"][OURS]["minimum"] == minimum
        assert f"{minimum:.2f} (" in printed
        assert row["title"] in printed


def test_the_command_writes_a_page_of_every_table(tmp_path, monkeypatch, capsys, no_pause):
    table = Table("Rules", ["rule", "ns"], [["tanh", "230"]], "A note.")
    monkeypatch.setattr(cli, "measurements", lambda asked: [(table, "rules", [])])
    cli.main(["--write", str(tmp_path / "page.md")])
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("# Benchmarks\n")
    assert "## Rules\n\n| rule | ns |\n| --- | --: |\n| tanh | 230 |\n\nA note.\n" in page
    assert str(table) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "resnet-9000"], "no 'resnet-9000' among scalar, chain-10"),
        (["--rules", "--only", "tahn"], "no 'tahn' among"),
        (["--against", "theano"], "no peer 'theano' is installed here, but ours, by hand"),
        (["--peers", "theano"], "no peer 'theano' is installed here, but ours, by hand"),
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


def test_every_elementwise_rule_with_a_derivative_is_measured_inside_its_domain():
    found = rules.elementwise()
    names = {made.name for made in found}
    assert {"tanh", "multiply", "arccosh", "where", "gelu"} <= names
    assert not {"greater", "sign", "matmul", "sum"} & names
    for made in found:
        values = made.function(*rules.operands(made, 50), **rules.FACTS.get(made.name, {}))[0]
        assert np.isfinite(values).all(), made.name


def test_a_rules_row_has_its_price_at_every_size(no_pause):
    found = rules.measure((1, 10), ["tanh"], seconds=0.01)
    assert [(timed.rule, timed.n) for timed in found] == [("tanh", 1), ("tanh", 10)]
    table = rules.rules_table(found)
    assert len(table.rows) == 1
    assert len(table.rows[0]) == len(table.columns) == 7
    times = {rules.BY_HAND: [1e-9], rules.FORWARD: [2e-9], rules.BACKWARD: [5e-9]}
    table = rules.rules_table([rules.Timed("tanh", 1, times)])
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
