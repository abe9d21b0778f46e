"""The patient: sex, age, menopause and hormonal status."""

import math
from dataclasses import dataclass

from trabfem import constants
from trabfem.errors import UserError

SEXES = ("female", "male")
FEMALE_STATUS = ("natural", "surgical_menopause", "hypogonadal", "eugonadal")
MALE_STATUS = ("eugonadal", "hypogonadal")
YOUNGEST, OLDEST = 18.0, 105.0


@dataclass(frozen=True)
class Patient:
    """A typical participant at month 0.

    - `menopause_age`: age at the final period or at oophorectomy, in years; ignored for men, 51 by default.
    - `hormonal_status`: women `natural` or `surgical_menopause` (ovaries out at `menopause_age`), men `eugonadal`;
      either sex `hypogonadal` (too little stimulation by the pituitary since some years before month 0).

    **Raises:** `UserError` for an unknown sex or status, or an age out of range.
    """

    sex: str = "female"
    age: float = 51.0
    menopause_age: float | None = None
    hormonal_status: str | None = None

    def __post_init__(self) -> None:
        """Set default values and check the others."""
        if self.sex not in SEXES:
            raise UserError(f"patient: sex '{self.sex}' is not known; choose female or male")
        if not (math.isfinite(self.age) and YOUNGEST <= self.age <= OLDEST):
            raise UserError(f"patient: age {self.age:g} is out of range; give years from {YOUNGEST:g} to {OLDEST:g}")
        status = self.hormonal_status or ("natural" if self.female else "eugonadal")
        allowed = FEMALE_STATUS if self.female else MALE_STATUS
        if status not in allowed:
            raise UserError(f"patient: hormonal status '{status}' of a {self.sex}; choose one of {', '.join(allowed)}")
        object.__setattr__(self, "hormonal_status", status)
        if self.female and self.menopause_age is None:
            object.__setattr__(self, "menopause_age", constants.MENOPAUSE_AGE.value)
        if self.menopause_age is not None and not (math.isfinite(self.menopause_age) and self.menopause_age > 0.0):
            raise UserError(f"patient: menopause age {self.menopause_age:g}; give a positive number of years")

    @property
    def female(self) -> bool:
        """Whether the patient is a woman."""
        return self.sex == "female"

    @property
    def life_starts(self) -> float:
        """Age (years) at which the skeleton is assumed to be in its young, balanced state."""
        settled = constants.YOUNG_ADULT_AGE.value
        if self.female and self.menopause_age is not None:
            before = self.menopause_age - constants.PERIMENOPAUSE_LEAD.value
            settled = min(before, constants.LATEST_BALANCED_AGE.value)
        return min(self.age - 1.0, settled)
