"""What `mkdocs build` makes beside the pages that are written: tutorials, API pages, tables from the package's data.

A line `<!-- made: NAME -->` in a page is replaced by what the function NAME of `made.py` returns. The API has one
page a room, found in `src/trabfem`, and one for the public names.
"""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
# mkdocs takes back what a hook does to the path once it is loaded; until then the neighbours are found here.
sys.path[:0] = [str(Path(__file__).resolve().parent), str(SOURCE)]

import api
import made
import tutorials
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

MADE = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the API's pages where the navigation says `API`; find the package beside these pages before any other."""
    if str(SOURCE) not in sys.path:
        sys.path.insert(0, str(SOURCE))
    assert config.nav is not None
    for entry in config.nav:
        if isinstance(entry, dict) and "API" in entry:
            entry["API"] = [{title: path} for title, path, _ in api.pages()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for _, path, text in api.pages():
        files.append(File.generated(config, path, content=text))
    for script in tutorials.scripts():
        shown, folder = tutorials.outputs(script) if tutorials.execute() else (None, None)
        files.append(File.generated(config, f"tutorials/{script.stem}.md", content=tutorials.page(script, shown)))
        for figure in sorted(folder.glob("*.png")) if folder else ():
            uri = f"tutorials/{script.stem}/{figure.name}"
            files.append(File.generated(config, uri, content=figure.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the tables."""

    def filled(match: re.Match[str]) -> str:
        if match[1] not in made.MADE:
            raise PluginError(f"{page.file.src_uri}: nothing is called {match[1]!r} in docs/hooks/made.py")
        return made.MADE[match[1]]()

    return MADE.sub(filled, markdown)
