"""Months at the end of an item, durations in words, and numbers as text that reads back exactly."""

from decimal import Decimal

from trabfem.errors import UserError

SPAN = r"\s+(?P<start>-?\d+(?:\.\d+)?)\s*[-–]\s*(?P<stop>-?\d+(?:\.\d+)?)(?:\s*mo)?"
LONGEST_MONTHS = 1200.0


def parse_span(text: str, start: str, stop: str, first: float, remedy: str) -> tuple[float, float]:
    """Start and stop of the item `text` as months from `first` to `LONGEST_MONTHS`.

    **Raises:** `UserError` where it ends before it starts, or is outside of these limits (with `remedy`).
    """
    months = float(start), float(stop)
    if months[1] <= months[0]:
        raise UserError(f"schedule item '{text}': it ends before it starts; give the earlier month first")
    if months[0] < first or months[1] > LONGEST_MONTHS:
        raise UserError(f"schedule item '{text}': {remedy}")
    return months


def last_month(years: float) -> float:
    """The month at which so many years end: the whole month within a tenth, as 0.33 years are how people write four."""
    months = 12 * float(years)
    return float(round(months)) if abs(months - round(months)) <= 0.1 and round(months) > 0 else months


def describe_duration(years: float) -> str:
    """ "6 months", "1 year", "1.5 years", "16 months"."""
    months = last_month(years)
    if months < 12 or (months < 24 and months % 3):
        return f"{months:.4g} month{'' if months == 1 else 's'}"
    return f"{months / 12:.3g} year{'' if months == 12 else 's'}"


def format_number(value: float) -> str:
    """`value` with the fewest digits that read back to the same number, without exponent: 70, 0.3, 1200."""
    return f"{Decimal(repr(float(value))).normalize():f}"
