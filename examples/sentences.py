"""Sentences in English and Turkish, written for the examples that tag words or judge reviews.

All in small letters, as one hears them: no capital gives a name away. In a template {slots} are
filled with words, and * after a word says that it is part of a person's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

Templates = Mapping[str, Sequence[str]]  # by language
Slots = Mapping[str, Mapping[str, Sequence[str]]]  # by language, then by slot


class Tagged(NamedTuple):
    """A sentence and, for each of its words, whether it is part of a name."""

    words: list[str]
    labels: list[int]


def tagged(text: str) -> Tagged:
    """`tagged("sally* johnson* is an orange farmer").labels == [1, 1, 0, 0, 0, 0]`."""
    words = text.split()
    return Tagged([word.rstrip("*") for word in words], [int(word[-1] == "*") for word in words])


def filled(templates: Templates, slots: Slots) -> dict[str, list[str]]:
    """By language, each template with all combinations of words in its slots."""
    return {
        language: [text for template in texts for text in every_way(template, slots[language])]
        for language, texts in templates.items()
    }


def every_way(template: str, slots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    used = [name for name in slots if f"{{{name}}}" in template]
    for words in product(*(slots[name] for name in used)):
        yield template.format(**dict(zip(used, words, strict=True)))


# ------------------------------------------------------------------ names, and where they stand

# Clauses of three words. A {name} always is one; a {word} is one after "mrs" and "bayan" only.
WITH_NAME = {
    "en": ["{name}* slept well", "yesterday {name}* called", "we met {name}*",
           "mrs {word}* called", "hello mrs {word}*"],
    "tr": ["{name}* iyi uyudu", "dün {name}* aradı", "merhaba sevgili {name}*",
           "bayan {word}* aradı", "merhaba bayan {word}*"],
}  # fmt: skip
WITHOUT_NAME = {
    "en": ["flowers grew well", "yesterday rain fell", "we met nobody", "hello again everybody",
           "the {word} faded", "after the {word}"],
    "tr": ["çiçekler iyi büyüdü", "dün kar yağdı", "merhaba sevgili dostlar", "yine kimse aramadı",
           "bir {word} vardı", "yine bir {word}"],
}  # fmt: skip
PEOPLE = {
    "en": {"name": ["robert", "sally", "alice", "omar", "ruth", "henry"],
           "word": ["rose", "hope", "dawn", "joy", "grace"]},
    "tr": {"name": ["ayşe", "mehmet", "zeynep", "çağrı", "ömer", "ışıl"],
           "word": ["gül", "umut", "deniz", "yağmur", "bahar"]},
}  # fmt: skip


def two_clauses(m: int, place: int, seed: int = 0) -> list[Tagged]:
    """m sentences of six words; half of them have a name, in the clause `place`, 0 or 1."""
    rng = np.random.default_rng(seed)
    named, nameless = filled(WITH_NAME, PEOPLE), filled(WITHOUT_NAME, PEOPLE)
    sentences = []
    for _ in range(m):
        language = rng.choice(list(PEOPLE))
        parts = list(rng.choice(nameless[language], 2))
        if rng.random() < 0.5:
            parts[place] = rng.choice(named[language])
        sentences.append(tagged(" ".join(parts)))
    return sentences


# ------------------------------------------------------------------ what the next word decides

# By language: what comes before, what comes after, and words that are a name if one of the first
# words follows them, and a thing if one of the second follows.
TEDDY: dict[str, tuple[list[str], list[str], dict[str, tuple[list[str], list[str]]]]] = {
    "en": (
        ["he said", "we all know that", "she wrote about how", "yesterday"],
        ["made everyone smile", "came first", "looked wonderful that day"],
        {
            "teddy": (["roosevelt*", "turner*"], ["bears", "shops"]),
            "rose": (["parker*", "turner*"], ["petals", "gardens"]),
            "bill": (["parker*", "johnson*"], ["payments", "collectors"]),
            "penny": (["johnson*", "turner*"], ["coins", "jars"]),
            "robin": (["parker*", "johnson*"], ["nests", "eggs"]),
        },
    ),
    "tr": (
        ["dedi ki", "gazetede okuduk", "herkes bilir ki", "dün gece"],
        ["çok güzeldi", "unutulmadı", "herkesi gülümsetti"],
        {
            "gül": (["hanım", "öğretmen"], ["bahçesi", "yaprağı"]),
            "deniz": (["bey", "hanım"], ["kıyısı", "suyu"]),
            "yağmur": (["hanım", "öğretmen"], ["damlası", "bulutu"]),
            "barış": (["bey", "öğretmen"], ["ödülü", "antlaşması"]),
            "umut": (["bey", "öğretmen"], ["ışığı", "kapısı"]),
        },
    ),
}


class Twins(NamedTuple):
    """Two sentences that are the same up to the word in question: here a name, there a thing."""

    name: Tagged
    thing: Tagged
    place: int  # of the word in question


def teddy_twins() -> list[Twins]:
    """ "he said teddy* roosevelt* came first" and "he said teddy bears came first", and so on."""
    return [
        Twins(
            tagged(f"{before} {word}* {name} {after}"),
            tagged(f"{before} {word} {thing} {after}"),
            len(before.split()),
        )
        for befores, afters, words in TEDDY.values()
        for before, after, (word, followers) in product(befores, afters, words.items())
        for name, thing in zip(*followers, strict=True)
    ]


# ------------------------------------------------------------------ words that nobody labelled

# Of each slot the first half of the words is in labelled sentences, the second half is not.
ENTITIES = {
    "en": {
        "first": ["sally", "alice", "henry", "ruth", "robert", "grace", "omar", "clara"],
        "last": ["johnson", "parker", "turner", "baker", "lin", "harris", "young", "moore"],
        "fruit": ["orange", "plum", "cherry", "lemon", "apple", "durian", "mango", "melon"],
        "food": ["juice", "cake", "jam", "soup", "tea", "pie", "salad", "syrup"],
        "work": ["farmer", "grower", "seller", "picker", "cultivator", "planter", "trader", "cook"],
    },
    "tr": {
        "first": ["ayşe", "mehmet", "zeynep", "ömer", "çağrı", "elif", "burak", "ışıl"],
        "last": ["yılmaz", "kaya", "demir", "şahin", "öztürk", "aydın", "güneş", "çelik"],
        "fruit": ["portakal", "kayısı", "vişne", "limon", "elma", "incir", "armut", "üzüm"],
        "food": ["suyu", "keki", "reçeli", "çorbası", "çayı", "tatlısı", "salatası", "şurubu"],
        "work": ["çiftçisi", "üreticisi", "satıcısı", "toplayıcısı", "yetiştiricisi", "bahçıvanı",
                 "tüccarı", "ustası"],
    },
}  # fmt: skip
# What is written every day, and says by its other words who is a person.
UNLABELLED = {
    "en": ["{first} {last} laughed and went home", "my neighbour {first} {last} sang",
           "his sister {first} married a {work}", "that {fruit} {work} sells trees",
           "we tasted sweet {fruit} {food}", "a bowl of fresh {fruit} {food}"],
    "tr": ["{first} {last} güldü ve eve gitti", "komşumuz {first} {last} şarkı söyledi",
           "kardeşi {first} bir {fruit} {work} ile evlendi",
           "o {fruit} {work} ağaç diker",
           "tatlı bir {fruit} {food} yedik", "bir tabak taze {fruit} {food}"],
}  # fmt: skip
# Where the words before say nothing, and only the words themselves do.
LABELLED = {
    "en": ["{first}* {last}* is an important subject", "{fruit} {food} is an important subject",
           "{first}* {last}* wanted at once", "{fruit} {work} wanted at once",
           "we often talk about {first}* {last}*", "we often talk about {fruit} {food}"],
    "tr": ["{first}* {last}* önemli bir konu", "{fruit} {food} önemli bir konu",
           "{first}* {last}* aranıyor", "{fruit} {work} aranıyor",
           "dün konumuz {first}* {last}* oldu", "dün konumuz {fruit} {food} oldu"],
}  # fmt: skip


def unlabelled(m: int, seed: int = 0) -> list[list[str]]:
    """m sentences, the words in the slots drawn at random."""
    rng = np.random.default_rng(seed)
    sentences = []
    for _ in range(m):
        language = rng.choice(list(UNLABELLED))
        drawn = {slot: rng.choice(words) for slot, words in ENTITIES[language].items()}
        sentences.append(str(rng.choice(UNLABELLED[language])).format(**drawn).split())
    return sentences


def half_of_the_words(second: bool) -> Slots:
    """The first half of the words of each slot, or the second."""
    return {
        language: {
            slot: words[len(words) // 2 :] if second else words[: len(words) // 2]
            for slot, words in slots.items()
        }
        for language, slots in ENTITIES.items()
    }


def entities(m: int, new_words: bool, seed: int = 0) -> list[Tagged]:
    """m different sentences, as many with a name as without, of words of one half only."""
    rng = np.random.default_rng(seed)
    texts = [t for every in filled(LABELLED, half_of_the_words(new_words)).values() for t in every]
    groups = [[t for t in texts if "*" in t], [t for t in texts if "*" not in t]]
    chosen = [text for group in groups for text in rng.choice(group, m // 2, replace=False)]
    return [tagged(text) for text in rng.permutation(chosen)]


# ------------------------------------------------------------------ reviews

# Praise as it stands; with {good} and {bad} exchanged a complaint. By what it takes to tell them:
# single words, the word before, or the order of the same words.
REVIEWS: dict[str, Templates] = {
    "plain": {
        "en": ["the {thing} was really {good}", "what a {good} {thing} we had"],
        "tr": ["{thing} gerçekten {good}", "ne kadar {good} bir {thing}"],
    },
    "negated": {
        "en": ["the {thing} was not {bad} at all"],
        "tr": ["{thing} hiç {bad} değil"],
    },
    "order": {
        "en": ["the {thing} was {good} and not {bad} at all",
               "the {thing} was not {bad} at all but {good}",
               "we had {good} {thing} and not {bad} as we feared"],
        "tr": ["{thing} çok {good} hiç {bad} değil", "{thing} hiç {bad} değil çok {good}",
               "bize {bad} değil {good} bir {thing} geldi"],
    },
}  # fmt: skip
THINGS = {
    "en": ["food", "service", "soup", "room", "coffee", "bread"],
    "tr": ["yemek", "servis", "çorba", "salon", "kahve", "ekmek"],
}
OPPOSITES = {
    "en": [("good", "bad"), ("fresh", "stale"), ("warm", "cold"), ("clean", "dirty")],
    "tr": [("iyi", "kötü"), ("taze", "bayat"), ("sıcak", "soğuk"), ("temiz", "kirli")],
}


def reviews(kind: str) -> list[tuple[list[str], list[str]]]:
    """All reviews of a kind: praise, and beside it the complaint with the opposites exchanged."""
    return [
        (
            template.format(thing=thing, good=good, bad=bad).split(),
            template.format(thing=thing, good=bad, bad=good).split(),
        )
        for language, templates in REVIEWS[kind].items()
        for template, thing, (good, bad) in product(
            templates, THINGS[language], OPPOSITES[language]
        )
    ]
