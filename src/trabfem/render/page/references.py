"""The works that a study has to cite: those that its method names, in that order, the software first."""

from collections.abc import Iterable, Mapping
from typing import Any

from trabfem.render.page.library import REFERENCES, SOFTWARE, keys_in, own_reference
from trabfem.render.page.words import method_of
from trabfem.runs.study import Study


def references_of(study: Study) -> list[dict[str, str | None]]:
    """Key, full citation and DOI (None where it is not sure) of every work that `words.method_of` cites."""
    return list_references(method_of(study), (study.header.get("versions") or {}).get(SOFTWARE))


def list_references(method: Iterable[Mapping[str, Any]], version: str | None) -> list[dict[str, str | None]]:
    """The works cited in the paragraphs of a method, after the software itself."""
    cited = [key for part in method for text in part["paragraphs"] for key in keys_in(text)]
    known = {SOFTWARE: own_reference(version)} | REFERENCES
    keys = dict.fromkeys([SOFTWARE, *cited])
    return [{"key": key, "text": known[key].text, "doi": known[key].doi} for key in keys]
