"""Dates as people write them, in Turkish and in English, and as ISO 8601 has them.

    write(date(1979, 5, 3)) gives "3 Mayıs 1979", "MAY 3, 1979", "perşembe 3.5.1979" ...

Every text has exactly one meaning. Numbers alone have the day first, as in Turkey and in Europe,
or the year; the American order, in which 3/5/1979 is in March, is left out. Years are 1950 to
2049, so that two digits are enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr import data, text

Array = np.ndarray[Any, Any]


class Language(NamedTuple):
    """The names of months and weekdays, and the ways to write a date."""

    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    forms: tuple[str, ...]


NUMBERS = ("{d}.{m}.{year}", "{dd}/{mm}/{year}", "{dd}.{mm}.{yy}", "{year}/{mm}/{dd}")
TURKISH = Language(
    ("Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim",
     "Kasım", "Aralık"),
    ("Pazartesi", "Salı", "Çarşamba", "Perşembe", "Cuma", "Cumartesi", "Pazar"),
    ("{d} {month} {year}", "{dd} {month} {year}", "{d} {mon} {year}", "{d} {mon} '{yy}",
     "{d} {month} {year} {weekday}", "{weekday}, {d} {month} {year}", "{d} {mon} {year}, {weekday}",
     "{weekday} {d}.{m}.{year}", "{year} yılının {d} {month} günü", *NUMBERS),
)  # fmt: skip
ENGLISH = Language(
    ("January", "February", "March", "April", "May", "June", "July", "August", "September",
     "October", "November", "December"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ("{d} {month} {year}", "{month} {d}, {year}", "{mon} {d}, {year}", "{d} {mon} {year}",
     "{month} {th}, {year}", "{d} {mon} '{yy}", "{weekday}, {month} {d}, {year}",
     "{weekday} {d} {mon} {year}", "the {th} of {month} {year}", *NUMBERS),
)  # fmt: skip
LANGUAGES = (TURKISH, ENGLISH)
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)
ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


def upper(sentence: str, language: Language) -> str:
    """Capital letters; in Turkish i becomes İ, and ı becomes I."""
    return (sentence.replace("i", "İ") if language is TURKISH else sentence).upper()


def lower(sentence: str, language: Language) -> str:
    """Small letters; in Turkish I becomes ı, and İ becomes i."""
    return text.lower_turkish(sentence) if language is TURKISH else sentence.lower()


def written(day: date, language: Language, form: str) -> str:
    """The date in one form of one language."""
    month, weekday = language.months[day.month - 1], language.weekdays[day.weekday()]
    return form.format(
        d=day.day, dd=f"{day.day:02}", th=f"{day.day}{ENDINGS.get(day.day, 'th')}",
        m=day.month, mm=f"{day.month:02}", month=month, mon=month[:3],
        year=day.year, yy=f"{day.year % 100:02}", weekday=weekday,
    )  # fmt: skip


def write(day: date, rng: np.random.Generator) -> str:
    """The date in any form of any language, half of them as it is spelled, or all small or big."""
    language = LANGUAGES[rng.integers(len(LANGUAGES))]
    sentence = written(day, language, language.forms[rng.integers(len(language.forms))])
    case = rng.integers(4)
    return (lower, upper)[case](sentence, language) if case < 2 else sentence


# ------------------------------------------------------------------ numbers


def alphabet() -> str:
    """All characters that dates are written with."""
    names = [*ENDINGS.values(), "0123456789"]
    for language in LANGUAGES:
        said = " ".join((*language.months, *language.weekdays, *language.forms))
        said = re.sub(r"{\w+}", "", said)  # the fields
        names += [said, lower(said, language), upper(said, language)]
    return "".join(names) + "thTH"


END = "\n"
HUMAN = text.CharTokenizer(alphabet(), byte_fallback=False)
ISO = text.CharTokenizer("0123456789-" + END, byte_fallback=False)
FINISHED = int(ISO.encode(END)[0])
LENGTH = len("1979-05-03" + END)


class Batch(NamedTuple):
    """N dates: written by people, and in ISO 8601."""

    x: Array  # (N, T) characters of HUMAN, padded
    lengths: Array  # (N,) how many of them are the date
    before: Array  # (N, 11) END and the characters of ISO: what the decoder has seen
    y: Array  # (N, 11) the characters of ISO and END: what it is to say


def batch(days: Sequence[date] | Array, rng: np.random.Generator) -> Batch:
    """Each of the days written once, in any form."""
    return encoded([write(day, rng) for day in days], [day.isoformat() for day in days])


def encoded(human: Sequence[str], iso: Sequence[str]) -> Batch:
    """Texts and their meanings as numbers."""
    x, lengths = text.pad([HUMAN.encode(one) for one in human])
    before, y = text.next_tokens([ISO.encode(one) for one in iso], FINISHED)
    return Batch(x, lengths, before, y)


def calendar(seed: int = 0) -> tuple[Array, Array, Array]:
    """All 36,525 days in three parts, to train, to choose and to test: 80, 10 and 10 %.

    No day is in two of them, in whatever form it is written.
    """
    days = np.arange(FIRST.toordinal(), LAST.toordinal() + 1)
    train, dev, test = (
        np.array([date.fromordinal(n) for n in part])
        for part in data.split(days, (0.8, 0.1, 0.1), seed=seed)
    )
    return train, dev, test
