"""What both halves of the grammar share: the span of months at an item's end, and numbers as text that reads back."""

from decimal import Decimal

from trabfem.errors import UserError

SPAN = r"\s+(?P<start>-?\d+(?:\.\d+)?)\s*[-–]\s*(?P<stop>-?\d+(?:\.\d+)?)(?:\s*mo)?"
LONGEST_MONTHS = 1200.0


def span(text: str, start: str, stop: str, first: float, remedy: str) -> tuple[float, float]:
    """Start and stop of the item `text` as months from `first` to `LONGEST_MONTHS`.

    **Raises:** `UserError` where it ends before it starts, or lies outside of that, with `remedy`.
    """
    months = float(start), float(stop)
    if months[1] <= months[0]:
        raise UserError(f"schedule item '{text}': it ends before it starts; give the earlier month first")
    if months[0] < first or months[1] > LONGEST_MONTHS:
        raise UserError(f"schedule item '{text}': {remedy}")
    return months


def number(value: float) -> str:
    """`value` in as few digits as read back to the same number, never with an exponent: 70, 0.3, 1200."""
    return f"{Decimal(repr(float(value))).normalize():f}"
