"""Look for texts that a loader of definitions can't cope with, guided by what they reach.

Run it as `python tests/guided.py -runs=100000`; it needs atheris, and takes libFuzzer's options.
What escapes, or doesn't read as it was written, ends it with a traceback and a status other than 0.
"""

from __future__ import annotations

import sys

import atheris

FORMATS = ("json", "toml", "yaml")

with atheris.instrument_imports(include=["safedeploy.documents", "json", "tomllib"]):
    from safedeploy.documents import dumps, loads
    from safedeploy.errors import DefinitionsInvalidError


def look(data: bytes) -> None:
    """Read a text, whose first byte says of which format it is."""
    try:
        read = loads(data[1:], format=FORMATS[data[0] % 3] if data else "json")
    except DefinitionsInvalidError:
        return
    assert read == loads(dumps(read))


atheris.Setup(sys.argv, look)
atheris.Fuzz()
