"""The step-through page in a real browser: it plays both passes, opens and folds, and finds."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import lecture
from tinygrad_tr.picture.page import page_of
from tinygrad_tr.picture.sheets import OUTSIDE, sheets_of
from tinygrad_tr.picture.steps import steps_of

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HOSTILE = '"><script>window.ran = 1</script><img src=x onerror="window.ran = 1">{{style}}'


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, tmp_path):
    """A function that saves a picture as a page and opens it; whatever goes wrong there fails."""
    wrong = []

    def go(picture, width=1280, height=800):
        tab = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on(
            "request", lambda request: wrong.extend([request.url] * (request.url[:5] != "file:"))
        )
        tab.goto(picture.save(tmp_path / "page.html").as_uri())
        return tab

    yield go
    assert wrong == []


def network():
    tt.manual_seed(0)
    model = tt.nn.Sequential(tt.nn.Linear(4, 8), tt.nn.ReLU(), tt.nn.Linear(8, 3))
    x = tt.Tensor(np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32))
    return model, x


def classifier(**options):
    model, x = network()
    y = np.array([0, 1, 2, 1, 0])
    return tt.draw(model, x, loss=lambda z: tt.nn.functional.cross_entropy(z, y), **options)


def summed():
    """x² + tanh(x) x at −2: three paths and four uses meet at x."""
    x = tt.Tensor(-2.0, requires_grad=True, name="x")
    y = x * x + np.tanh(x) * x
    y.name = "y"
    return y.draw()


def lit(tab):
    return tab.evaluate("[...document.querySelectorAll('.now')].map((it) => it.dataset.id)")


# --------------------------------------------------------------------------- both passes


def test_it_plays_the_lectures_example_forward_then_backward(opened):
    tab = opened(lecture()[3].draw())
    told = []
    while tab.is_enabled("#next"):
        tab.keyboard.press("ArrowRight")
        told += tab.locator("#step .formula").all_inner_texts()
    assert told == [
        "u = b × c = 3 × 2 = 6",
        "v = a + u = 5 + 6 = 11",
        "J = 3 × v = 3 × 11 = 33",
        "∂J/∂J = 1",
        "∂J/∂v = 3",
        "∂J/∂a = ∂J/∂v · ∂v/∂a = 3 · 1 = 3",
        "∂J/∂u = ∂J/∂v · ∂v/∂u = 3 · 1 = 3",
        "∂J/∂b = ∂J/∂u · ∂u/∂b = 3 · 2 = 6",
        "∂J/∂c = ∂J/∂u · ∂u/∂c = 3 · 3 = 9",
    ]


def test_a_value_and_a_gradient_show_when_they_are_computed(opened):
    tab = opened(lecture()[3].draw())
    (u,) = (id_ for id_, card in facts(tab)["cards"].items() if card["name"] == "u")
    states = []
    for _ in range(7):
        classes = tab.get_attribute(f'[data-id="{u}"]', "class").split()
        states.append(("waiting" not in classes, "no-gradient" not in classes))
        tab.keyboard.press("ArrowRight")
    assert states == [(False, False)] + 5 * [(True, False)] + [(True, True)]


def facts(tab):
    return tab.evaluate("data")


def test_the_sum_so_far_stands_where_paths_meet(opened):
    tab = opened(summed())
    sums, badges = [], []
    while tab.is_enabled("#next"):
        tab.click("#next")
        sums += tab.locator("#step .sum").all_inner_texts()
        badges += tab.locator(".badge text").all_text_contents()
    assert [text.split(": ")[1] for text in sums] == [
        "−0.964",
        "−0.964 + (−0.1413) = −1.105",
        "−1.105 + (−2) = −3.105",
        "−3.105 + (−2) = −5.105",
    ]
    assert badges == ["Σ −0.964", "Σ −1.105"]


def test_it_plays_pauses_and_goes_back_by_keys_and_by_its_slider(opened):
    tab = opened(lecture()[3].draw())
    tab.select_option("#speed", "120")
    tab.keyboard.press("Space")
    tab.wait_for_selector('#count:text-is("7 / 7")')
    tab.keyboard.press("Home")
    assert tab.inner_text("#count") == "0 / 7"
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowLeft")
    assert tab.inner_text("#count") == "6 / 7"
    tab.evaluate("find('time').value = 2; find('time').dispatchEvent(new Event('input'))")
    assert tab.inner_text("#step h2") == "Forward: +"
    assert len(lit(tab)) == 1


def test_all_steps_can_be_read_as_a_list_and_chosen(opened):
    tab = opened(lecture()[3].draw())
    tab.click("#all summary")
    steps = tab.locator("#all li button")
    steps.first.wait_for()
    assert steps.count() == 7
    steps.nth(1).click()
    assert tab.inner_text("#step .formula") == "v = a + u = 5 + 6 = 11"
    assert steps.nth(1).get_attribute("aria-current") == "step"


# --------------------------------------------------------------------------- modules, search


def test_a_module_folds_and_opens_and_its_operations_light_its_box(opened):
    tab = opened(classifier())
    relu = next(key for key, frame in facts(tab)["frames"].items() if "ReLU" in frame["title"])
    assert tab.locator(f'[data-id="f{relu}"]').count() == 1
    tab.click(f'[data-id="f{relu}"] > .bar')
    assert tab.locator(f'[data-id="f{relu}"]').count() == 0
    assert tab.locator(f'[data-id="m{relu}"]').count() == 1
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert lit(tab) == [f"m{relu}"]
    tab.focus(f'[data-id="m{relu}"]')
    tab.keyboard.press("Enter")
    assert tab.locator(f'[data-id="f{relu}"]').count() == 1


def test_open_modules_and_their_neighbours_do_not_overlap(opened):
    tab = opened(classifier(depth=1))
    tab.click("#open-all")
    rectangles = tab.evaluate(
        """[...document.querySelectorAll("#canvas .node, #canvas .frame")].map((it) => {
             const { left, top, right, bottom } = it.getBoundingClientRect();
             const frames = [...document.querySelectorAll(".frame")];
             const depth = frames.filter((frame) => frame !== it && frame.contains(it)).length;
             return { left, top, right, bottom, depth, id: it.dataset.id };
           })"""
    )  # fmt: skip
    apart = [
        (a["id"], b["id"])
        for a in rectangles
        for b in rectangles
        if a["id"] < b["id"] and a["depth"] == b["depth"]
        and min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 1
    ]  # fmt: skip
    assert len(rectangles) > 20
    assert apart == []


def test_search_opens_what_is_around_a_tensor_and_shows_all_of_it(opened):
    tab = opened(classifier(depth=1))
    tab.keyboard.press("/")
    tab.keyboard.type("2.weight")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#details h2 >> nth=0") == "2.weight (3, 8) float32"
    assert tab.locator("#details .histogram").count() == 2
    assert tab.locator(".chosen").count() == 1
    assert "used by" in tab.inner_text("#details table")
    model, _ = network()
    first = tab.locator("#details pre").first.inner_text().strip("⎡ ").split()[0]
    shown = float(first.replace("−", "-"))
    assert shown == pytest.approx(model[2].weight.numpy()[0, 0], rel=1e-3)


def test_what_is_not_there_is_not_found(opened):
    tab = opened(lecture()[3].draw())
    tab.fill("#query", "nothing")
    tab.press("#query", "Enter")
    assert tab.inner_text("#details") == "not found"


def test_a_click_on_an_operation_tells_both_of_its_formulas(opened):
    tab = opened(lecture()[3].draw())
    plus = next(id_ for id_, it in facts(tab)["circles"].items() if it["title"] == "+")
    tab.click(f'[data-id="{plus}"]')
    assert "v = a + u = 5 + 6 = 11" in tab.inner_text("#details")
    assert "∂J/∂a = ∂J/∂v · ∂v/∂a = 3 · 1 = 3" in tab.inner_text("#details")


def test_an_operation_and_those_of_its_backward_pass_light_each_other(opened):
    tab = opened(lecture()[3].draw(passes="backward"))
    circles = facts(tab)["circles"]
    forward = next(circle["of"] for circle in circles.values() if circle["of"])
    own = {forward} | {id_ for id_, it in circles.items() if it["of"] == forward}
    tab.click("#open-all")
    tab.focus(f'[data-id="{sorted(own)[-1]}"]')
    twins = "[...document.querySelectorAll('.twin')].map((it) => it.dataset.id)"
    assert set(tab.evaluate(twins)) == own
    tab.focus("#play")
    assert tab.evaluate(twins) == []


def test_colours_can_be_chosen_and_have_a_scale(opened):
    tab = opened(classifier())
    assert not tab.is_visible("#scale")
    tab.select_option("#color", "grad")
    assert tab.locator(".toned").count() > 3
    assert "norm of the gradient" in tab.inner_text("#scale")
    fill = "getComputedStyle(document.querySelector('.toned path')).fill"
    light = tab.evaluate(fill)
    tab.click("#theme")
    assert tab.evaluate(fill) != light
    tab.select_option("#color", "")
    assert tab.locator(".toned").count() == 0


def test_what_was_found_leads_to_its_place(opened):
    x = tt.Tensor([-1.0, -2.0], requires_grad=True, name="x")
    tab = opened(np.sum(tt.nn.functional.relu(x)).draw())
    tab.click("#findings summary")
    tab.click("#findings button >> nth=0")
    assert "≤ 0" in tab.inner_text("#details")
    assert tab.locator(".chosen").count() == 1


def test_a_film_shows_one_frame_at_a_time_by_keys_and_by_itself(opened):
    w = tt.Tensor(1.0, requires_grad=True, name="w")
    film = tt.film(w * w)
    for value in (1.0, 2.0, 3.0):
        w.assign(value)
        film()
    tab = opened(film)
    shown = "frames.filter((it) => it.style.visibility === 'visible').map((it) => it.textContent)"
    for count, gradient in (("1 / 3", "= 2"), ("2 / 3", "= 4"), ("3 / 3", "= 6")):
        assert tab.inner_text("#count") == count
        (text,) = tab.evaluate(shown)
        assert gradient in text
        tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Home")
    tab.keyboard.press("Space")
    tab.wait_for_selector('#count:text-is("3 / 3")')


# --------------------------------------------------------------------------- for everybody


def test_a_hostile_name_does_not_run(opened):
    a = tt.Tensor([1.0, 2.0], requires_grad=True, name=HOSTILE)
    tab = opened(np.sum(a * 2).draw())
    tab.keyboard.press("End")
    tab.click('[data-id="t0"]')
    assert tab.evaluate("window.ran") is None
    assert tab.inner_text("#details h2 >> nth=0").startswith(HOSTILE)
    assert tab.locator("img").count() == 0


def test_a_phone_shows_it_without_scrolling_sideways(opened):
    tab = opened(classifier(), width=360, height=700)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
    for id_ in ("#play", "#next", "#canvas", "#step"):
        assert tab.locator(id_).bounding_box()["width"] > 20
    assert tab.locator("#canvas").bounding_box()["height"] > 250


def test_light_becomes_dark_and_words_are_turkish(opened):
    tab = opened(lecture()[3].draw(lang="tr", theme="dark"))
    paper = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(paper) == "rgb(21, 25, 31)"
    tab.click("#theme")
    assert tab.evaluate(paper) == "rgb(255, 255, 255)"
    tab.keyboard.press("End")
    assert tab.inner_text("#step h2") == "Geri: ×"
    assert tab.get_attribute("#play", "title") == "oynat (Boşluk)"


def test_every_node_can_be_reached_and_heard(opened):
    tab = opened(lecture()[3].draw())
    nodes = tab.locator(".node")
    assert nodes.count() == 10
    for node in nodes.all():
        assert node.get_attribute("tabindex") == "0"
        assert node.get_attribute("role") == "button"
    labels = [node.get_attribute("aria-label") for node in nodes.all()]
    assert "b, (), 3, ∂J/∂b = 6" in labels
    assert tab.get_attribute("#step", "aria-live") == "polite"
    unnamed = "[...document.querySelectorAll('button')].filter((b) => !b.title && !b.textContent)"
    assert tab.evaluate(f"{unnamed}.length") == 0


# --------------------------------------------------------------------------- without a browser


def test_the_page_is_the_same_each_time_and_asks_for_nothing_outside():
    first, second = (page_of(classifier().drawing) for _ in range(2))
    assert first == second
    assert "http" not in first.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "{{" not in first


def test_drawing_a_page_changes_nothing(tmp_path):
    *leaves, J = lecture()
    picture = J.draw()
    picture.save(tmp_path / "j.html")
    assert all(leaf.grad is None for leaf in leaves)
    J.backward()
    assert [leaf.grad.item() for leaf in leaves] == [3, 6, 9]


def test_each_sheet_is_small_and_every_arrow_stands_on_the_sheet_of_its_operation():
    layers = [(tt.nn.Linear(4, 8), tt.nn.ReLU(), tt.nn.Linear(8, 4)) for _ in range(6)]
    model = tt.nn.Sequential(*(tt.nn.Sequential(*three) for three in layers))
    scene = tt.draw(model, network()[1]).drawing.scene(whole=True)
    sheets = sheets_of(scene)
    assert len(sheets) == 1 + 1 + 6 + 6 * 3
    assert max(sheet.size for sheet in sheets.values()) < 20
    ids = {id_ for circle in scene.circles for id_ in [circle.id]}
    whole = [
        (arrow.tail, arrow.head)
        for sheet in sheets.values()
        for arrow in sheet.arrows
        if arrow.tail in ids or arrow.head in ids
    ]
    assert len(whole) == len(scene.arrows)
    assert [card.name for card in sheets[OUTSIDE].cards] != []


def test_steps_of_arrays_say_what_the_pullback_does():
    rng = np.random.default_rng(0)
    X, W = (tt.Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 3), (3, 2)))
    total = np.sum(X @ W)
    steps = steps_of(total.draw().drawing.scene(whole=True), "both")
    formulas = [arrival.formula for step in steps for arrival in step.arrivals]
    assert any(formula.startswith("∂total/∂X = g @ Wᵀ") for formula in formulas)
    assert any(formula.startswith("∂total/∂W = Xᵀ @ g") for formula in formulas)
    assert [step.backward for step in steps] == [False] * 2 + [True] * 3
