"""How results reach their pictures: `.plot()`, `.view()` and `.to_pyvista()` without an import of any graphics library.

Numbers are made on machines that cannot draw, so the rooms below know nothing of `render`. A result with a picture is
`Drawable`; the room that draws is imported by name when a picture is asked for, as pandas does with its plotting
backends. A new picture is a function in `render/results.py` under the result's type, and nothing here.
"""

import importlib
from typing import Any

BACKEND = "trabfem.render.results"
VIEWER = "trabfem.render.view"
FILMS = "trabfem.render.film"
REPORTS = "trabfem.render.page.write"
COHORT_REPORTS = "trabfem.render.page.cohort"


class Drawable:
    """A result with a picture. Where nothing can be drawn, all methods raise `UserError` with what to install."""

    def plot(self, **options: Any) -> Any:
        """The result's picture as a matplotlib figure; `path=` writes it to a file as well."""
        return importlib.import_module(BACKEND).plot(self, **options)

    def view(self, **options: Any) -> Any:
        """A window in which the result is turned, cut and coloured; in a notebook its widget.

        `screenshot=` writes what the window would show to a file and opens none; `colour=` names the colouring with
        which it begins.
        """
        return importlib.import_module(VIEWER).view(self, **options)

    def to_pyvista(self, **options: Any) -> Any:
        """The result as a PyVista data set, in mm and in the place of the scan."""
        return importlib.import_module(BACKEND).to_pyvista(self, **options)
