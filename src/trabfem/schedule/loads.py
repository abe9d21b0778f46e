"""Changes of load in a schedule: disuse, exercise and another direction of load.

Grammar of an item: `disuse FACTOR START-STOP` and `exercise FACTOR START-STOP` multiply every force of the day by the
factor (0.5, 0.5x or 50 %); `direction ANGLE AXIS START-STOP` rotates all loads by the angle (degrees) about the axis by
the right-hand rule. Months are counted from month 0. Factors of disuse and exercise at the same time multiply.
"""

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from trabfem.errors import UserError
from trabfem.schedule.writing import LONGEST_MONTHS, SPAN, format_number, parse_span

WRITTEN = {"disuse": "disuse 0.5 12-18", "exercise": "exercise 1.3 0-60", "direction": "direction 45deg x 24-120"}
WORDS = tuple(WRITTEN)
FACTOR = re.compile(r"(?:disuse|exercise)\s+(?P<amount>\d*\.?\d+)\s*(?P<unit>x|%)?" + SPAN, re.IGNORECASE)
TURN = re.compile(
    r"direction\s+(?P<amount>-?\d*\.?\d+)\s*(?:deg|degrees|°)?(?:\s*/\s*|\s+about\s+|\s+)(?P<axis>[xyz])" + SPAN,
    re.IGNORECASE,
)
HARDEST = 3.0


@dataclass(frozen=True)
class Load:
    """The load in a period: `factor` on every force, loads rotated by `angle` (degrees) about `axis`."""

    factor: float = 1.0
    angle: float = 0.0
    axis: str = "x"


USUAL_LOAD = Load()


@dataclass(frozen=True)
class LoadChange:
    """One change from `start` to `stop` (months): `kind` is one of `WORDS`, with a factor, or an angle and axis."""

    kind: str
    start: float
    stop: float
    factor: float = 1.0
    angle: float = 0.0
    axis: str = "x"

    def __str__(self) -> str:
        """The item in the notation that `parse` reads."""
        amount = (
            f"{format_number(self.angle)}deg {self.axis}" if self.kind == "direction" else format_number(self.factor)
        )
        return f"{self.kind} {amount} {format_number(self.start)}-{format_number(self.stop)}"


@dataclass(frozen=True)
class Loading:
    """Changes from the usual load. `UserError` where changes of one kind overlap."""

    changes: tuple[LoadChange, ...] = ()

    def __post_init__(self) -> None:
        """Sort changes by kind and start."""
        object.__setattr__(self, "changes", sort_changes(self.changes))

    @property
    def turns(self) -> bool:
        """Whether any change rotates the load."""
        return any(item.kind == "direction" for item in self.changes)

    def __str__(self) -> str:
        """The items in the notation that `parse` reads."""
        return "; ".join(map(str, self.changes))

    def load_at(self, month: float) -> Load:
        """The load at one time (months)."""
        now = [item for item in self.changes if item.start <= month < item.stop]
        turned = next((item for item in now if item.kind == "direction"), LoadChange("direction", 0, 0))
        return Load(math.prod(item.factor for item in now), turned.angle, turned.axis)

    def load_during(self, start: float, stop: float) -> Load:
        """The load of a step: root mean square of the factor, as energy is quadratic; direction at the middle."""
        edges = {edge for item in self.changes for edge in (item.start, item.stop) if start < edge < stop}
        cuts = [start, *sorted(edges), stop]
        pieces = list(zip(cuts, cuts[1:], strict=False))
        square = sum((b - a) * self.load_at((a + b) / 2).factor ** 2 for a, b in pieces) / (stop - start)
        middle = self.load_at((start + stop) / 2)
        return Load(math.sqrt(square), middle.angle, middle.axis)


def is_load(text: str) -> bool:
    """Whether an item is a change of load rather than a treatment.

    **Raises:** `UserError` for a word similar to one of `WORDS`, which would otherwise be read as an agent.
    """
    word = text.split()[0].lower()
    meant = difflib.get_close_matches(word, WORDS, n=1, cutoff=0.75)
    if meant and word not in WORDS:
        raise UserError(f"schedule item '{text}': '{word}' is not known; write {meant[0]}")
    return word in WORDS


def read(text: str) -> LoadChange:
    """The change of load written in one item.

    **Raises:** `UserError` for a malformed item, or a factor, an angle or months out of range.
    """
    kind = text.split()[0].lower()
    match = (TURN if kind == "direction" else FACTOR).fullmatch(text)
    if match is None:
        raise UserError(f"schedule item '{text}': write it as '{WRITTEN[kind]}', months last")
    amount = float(match["amount"])
    remedy = f"give months from 0, the scan, to at most {LONGEST_MONTHS:g}"
    start, stop = parse_span(text, match["start"], match["stop"], 0.0, remedy)
    if kind == "direction":
        if abs(amount) > 180:
            raise UserError(f"schedule item '{text}': give an angle from -180 to 180 degrees")
        return LoadChange(kind, start, stop, angle=amount, axis=match["axis"].lower())
    factor = amount / 100 if match["unit"] == "%" else amount
    low, high = (0.0, 1.0) if kind == "disuse" else (1.0, HARDEST)
    if not low <= factor <= high:
        other = "exercise" if kind == "disuse" else "disuse"
        raise UserError(
            f"schedule item '{text}': {kind} is a factor from {low:g} to {high:g} on the usual load"
            + (f"; write {other} for {factor:g}" if (factor > 1) == (other == "exercise") else "")
        )
    return LoadChange(kind, start, stop, factor)


def sort_changes(changes: Iterable[LoadChange]) -> tuple[LoadChange, ...]:
    """`changes` sorted by kind and start.

    **Raises:** `UserError` where changes of one kind overlap.
    """
    items = sorted(changes, key=lambda item: (item.kind, item.start))
    for before, after in zip(items, items[1:], strict=False):
        if before.kind == after.kind and after.start < before.stop:
            raise UserError(
                f"schedule: {after.kind} {before.start:g}-{before.stop:g} and {after.start:g}-{after.stop:g} overlap; "
                f"give {after.kind} once at a time"
            )
    return tuple(items)
