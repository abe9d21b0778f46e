"""How a patient loads the bone beside what is taken: disuse, exercise and loads from another direction in a schedule.

`"denosumab 0-36; disuse 0.5 12-18; exercise 1.3 0-60; direction 45deg x 24-120"`: `split` parts the drugs from these.
Grammar of an item: `disuse FACTOR START-STOP` and `exercise FACTOR START-STOP`, the factor on every force of the day
(0.5, 0.5x or 50 %), and `direction ANGLE AXIS START-STOP`, all loads turned by the angle (degrees) about the axis by
the right-hand rule. Months from baseline. Disuse and exercise at the same time multiply.
"""

import difflib
import math
import re
from dataclasses import dataclass

from trabfem.errors import UserError

WORDS = ("disuse", "exercise", "direction")
SPAN = r"\s+(?P<start>-?\d+(?:\.\d+)?)\s*[-–]\s*(?P<stop>-?\d+(?:\.\d+)?)(?:\s*mo)?"
FACTOR = re.compile(r"(?:disuse|exercise)\s+(?P<amount>\d*\.?\d+)\s*(?P<unit>x|%)?" + SPAN, re.IGNORECASE)
TURN = re.compile(
    r"direction\s+(?P<amount>-?\d*\.?\d+)\s*(?:deg|degrees|°)?(?:\s*/\s*|\s+about\s+|\s+)(?P<axis>[xyz])" + SPAN,
    re.IGNORECASE,
)
WRITTEN = {"disuse": "disuse 0.5 12-18", "exercise": "exercise 1.3 0-60", "direction": "direction 45deg x 24-120"}
HARDEST = 3.0
LONGEST_MONTHS = 1200.0


@dataclass(frozen=True)
class Load:
    """How a stretch of time is loaded: `factor` on every force, loads turned by `angle` (degrees) about `axis`."""

    factor: float = 1.0
    angle: float = 0.0
    axis: str = "x"


USUAL = Load()


@dataclass(frozen=True)
class Item:
    """One habit from `start` to `stop` (months): `kind` is one of `WORDS`; its factor, or its angle and axis."""

    kind: str
    start: float
    stop: float
    factor: float = 1.0
    angle: float = 0.0
    axis: str = "x"


@dataclass(frozen=True)
class Habits:
    """What differs from the usual load, and when."""

    items: tuple[Item, ...] = ()

    @property
    def turning(self) -> bool:
        """Whether loads ever come from another direction."""
        return any(item.kind == "direction" for item in self.items)

    def __str__(self) -> str:
        """The items in the notation that `split` reads."""
        return "; ".join(_written(item) for item in self.items)

    def at(self, month: float) -> Load:
        """The load at one moment."""
        now = [item for item in self.items if item.start <= month < item.stop]
        turned = next((item for item in now if item.kind == "direction"), Item("direction", 0, 0))
        return Load(math.prod(item.factor for item in now), turned.angle, turned.axis)

    def over(self, start: float, stop: float) -> Load:
        """The load of a step: the factor whose square, as energy goes, is the mean; the direction of its middle."""
        edges = {edge for item in self.items for edge in (item.start, item.stop) if start < edge < stop}
        cuts = [start, *sorted(edges), stop]
        pieces = list(zip(cuts, cuts[1:], strict=False))
        square = sum((b - a) * self.at((a + b) / 2).factor ** 2 for a, b in pieces) / (stop - start)
        middle = self.at((start + stop) / 2)
        return Load(math.sqrt(square), middle.angle, middle.axis)


def split(text: str) -> tuple[str, Habits]:
    """The part of a schedule that the biology reads, and the habits in it.

    **Raises:** `UserError` for a malformed habit, one that lies out of its range, or one kind twice at once.
    """
    parts = [part.strip() for part in text.split(";") if part.strip()]
    for part in parts:
        word = part.split()[0].lower()
        meant = difflib.get_close_matches(word, WORDS, n=1, cutoff=0.75)
        if meant and word not in WORDS:
            raise UserError(f"schedule item '{part}': '{word}' is not known; write {meant[0]}")
    mine = [part for part in parts if part.split()[0].lower() in WORDS]
    items = sorted((_item(part) for part in mine), key=lambda item: (item.kind, item.start))
    for before, after in zip(items, items[1:], strict=False):
        if before.kind == after.kind and after.start < before.stop:
            raise UserError(
                f"schedule: {after.kind} {before.start:g}-{before.stop:g} and {after.start:g}-{after.stop:g} overlap; "
                f"give {after.kind} once at a time"
            )
    return "; ".join(part for part in parts if part not in mine), Habits(tuple(items))


def _item(text: str) -> Item:
    """One habit from its text."""
    kind = text.split()[0].lower()
    match = (TURN if kind == "direction" else FACTOR).fullmatch(text)
    if match is None:
        raise UserError(f"schedule item '{text}': write it as '{WRITTEN[kind]}', months last")
    start, stop, amount = float(match["start"]), float(match["stop"]), float(match["amount"])
    if stop <= start:
        raise UserError(f"schedule item '{text}': it ends before it starts; give the earlier month first")
    if start < 0 or stop > LONGEST_MONTHS:
        raise UserError(f"schedule item '{text}': give months from 0, the scan, to at most {LONGEST_MONTHS:g}")
    if kind == "direction":
        if abs(amount) > 180:
            raise UserError(f"schedule item '{text}': give an angle from -180 to 180 degrees")
        return Item(kind, start, stop, angle=amount, axis=match["axis"].lower())
    factor = amount / 100 if match["unit"] == "%" else amount
    low, high = (0.0, 1.0) if kind == "disuse" else (1.0, HARDEST)
    if not low <= factor <= high:
        other = "exercise" if kind == "disuse" else "disuse"
        raise UserError(
            f"schedule item '{text}': {kind} is a factor from {low:g} to {high:g} on the usual load"
            + (f"; write {other} for {factor:g}" if (factor > 1) == (other == "exercise") else "")
        )
    return Item(kind, start, stop, factor)


def _written(item: Item) -> str:
    """`item` in the notation of `split`."""
    amount = f"{item.angle:g}deg {item.axis}" if item.kind == "direction" else f"{item.factor:g}"
    return f"{item.kind} {amount} {item.start:g}-{item.stop:g}"
