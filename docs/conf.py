"""How Sphinx makes the site (``make docs``): warnings are errors, and nothing is fetched, now or by a reader."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from pygments.lexers.data import JsonLexer

from airflow_titan import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "airflow-titan"
author = "the airflow-titan project"
copyright = "the airflow-titan project, Apache License 2.0"  # noqa: A001 - Sphinx's name
release = version = __version__
language = "en"

extensions = ["myst_parser", "sphinx_copybutton", "generate"]
root_doc = "index"
exclude_patterns = ["generate", "images"]

nitpicky = True
myst_enable_extensions = ["colon_fence"]
#: Headings that links may name, as GitHub makes them.
myst_heading_anchors = 4
myst_links_external_new_tab = False

copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = f"airflow-titan {__version__}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_logo = html_favicon = "images/logo.svg"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "source_repository": "https://github.com/airflow-titan/airflow-titan",
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {"color-brand-primary": "#0f6b66", "color-brand-content": "#0f6b66"},
    "dark_css_variables": {"color-brand-primary": "#5fc9c0", "color-brand-content": "#5fc9c0"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def setup(app: Sphinx) -> None:
    """Tell Sphinx what JSON Lines look like."""
    app.add_lexer("jsonl", JsonLexer)
