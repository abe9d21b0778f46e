"""How the page writes numbers and sentences: proper minus signs, sensible digits, nothing where nothing is known."""

import math
import re
from collections.abc import Iterable
from typing import Any

from trabfem.schedule.writing import describe_duration

SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = re.compile(r"(?<![\w.\]])-(?=\d)")
SPAN = re.compile(r"(?<=\d)-(?=\d)")
TIMES = re.compile(r"(?<=\d) x (?=\S)|(?<=loads) x (?=\d)")
UNITS = {"^2": "²", "^3": "³"}


def say(template: str, **values: Any) -> str:
    """The sentence `template` with its values as text; nothing at all where one of them is None."""
    if any(value is None for value in values.values()):
        return ""
    return template.format(
        **{name: value if isinstance(value, str) else number(value) for name, value in values.items()}
    )


def paragraph(*sentences: str) -> str:
    """The sentences that say something, in one paragraph."""
    return " ".join(sentence for sentence in sentences if sentence)


def section(title: str, *paragraphs: str) -> dict[str, Any]:
    """A titled part of a text with those paragraphs that say something."""
    return {"title": title, "paragraphs": [each for each in paragraphs if each]}


def number(value: float | str, digits: int = 6) -> str:
    """`value` with at most `digits` digits: 6829, 0.035, −10.5, 10⁻⁵, 3.2 × 10⁻⁶; a text as it is."""
    if isinstance(value, str):
        return value
    value = value or 0.0  # no minus before a zero
    if not math.isfinite(value):
        return "infinite" if value > 0 else "unknown"
    power = math.floor(math.log10(abs(value))) if value else 0
    if -4 < power < 7:
        return minus(f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}")
    factor, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    factor = minus(factor.rstrip("0").rstrip(".") if "." in factor else factor)
    ten = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return ten if factor == "1" else f"{factor} × {ten}"


def rounded(value: float | None, digits: int = 3) -> str | None:
    """A computed number with `digits` digits; None where there is none."""
    return None if value is None or not math.isfinite(value) else number(value, digits)


def fixed(value: float | None, decimals: int = 1) -> str | None:
    """A computed number with so many decimals, zeros too; None where there is none."""
    return None if value is None or not math.isfinite(value) else minus(f"{value:.{decimals}f}")


def minus(text: str) -> str:
    """`text` with minus signs in front of its negative numbers."""
    return MINUS.sub("−", text)


def typeset(text: str) -> str:
    """A schedule or note in words with dashes, minus and multiplication signs in the place of hyphens and letters."""
    return TIMES.sub(" × ", minus(SPAN.sub("–", text)))


def unit(text: str) -> str:
    """A unit with raised exponents: `1/mm^3` becomes `1/mm³`."""
    for plain, raised in UNITS.items():
        text = text.replace(plain, raised)
    return text


def listing(items: Iterable[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    *others, end = list(items) or [""]
    return f"{', '.join(others)} {last} {end}" if others else end


def counted(count: int, noun: str) -> str:
    """ "one member", "two members", "16 members"."""
    return f"{SMALL[count] if 0 <= count < len(SMALL) else count} {noun}{'' if count == 1 else 's'}"


def months(count: float) -> str:
    """ "one month", "three months", "0.5 months"."""
    return counted(round(count), "month") if count == round(count) else f"{number(count, 3)} months"


def duration(years: float | None) -> str | None:
    """ "5 years", "6 months"."""
    return None if years is None else describe_duration(years)


def sentence(text: str) -> str:
    """`text` with a capital at the front, where it begins with a word, and a full stop at the end."""
    text = text.strip()
    if not text:
        return ""
    first = text[0].upper() if text.split()[0].strip(":,").isalpha() else text[0]
    return first + text[1:] + ("" if text[-1] in ".!?" else ".")
