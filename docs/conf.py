"""How the documentation is built: `sphinx-build --fail-on-warning docs docs/_build`."""

import re
from typing import Any

from pygments.lexers.special import TextLexer

project = "safedeploy"
copyright = "The safedeploy authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_use_ivar = True  # attributes are a list in their class, not entries beside it
myst_heading_anchors = 3

html_theme = "furo"
html_title = "safedeploy"
html_copy_source = False  # a copied page would be collected, and run, as a page of the docs
html_show_sphinx = False


def prepare(
    _app: object, what: str, _name: str, _thing: object, _options: object, lines: list[str]
) -> None:
    """Let `this` mean code in a docstring, as it does in Markdown."""
    lines[:] = [re.sub(r"(?<![`:])`([^`]+)`(?!`)", r"``\1``", line) for line in lines]
    if what in {"attribute", "data", "property"}:
        lines.insert(0, "")  # else napoleon takes all before a first colon for the type


def setup(app: Any) -> None:
    """Have docstrings prepared before napoleon reads them, and diagrams shown as they are."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("autodoc-process-docstring", prepare, priority=100)
