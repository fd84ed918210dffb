"""Run every fenced Python block of the README and the docs, each page in one namespace."""

from collections.abc import Iterator
from contextlib import chdir

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


@pytest.fixture(scope="module")
def scratch_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each page a folder of its own, so that what it writes stays out of the repository."""
    with chdir(tmp_path_factory.mktemp("page")):
        yield


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/**/*.md"],
    fixtures=["scratch_folder"],
).pytest()
