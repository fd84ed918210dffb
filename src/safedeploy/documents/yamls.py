"""YAML: what JSON can say, of what YAML can; by PyYAML, which the extra `safedeploy[yaml]` has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from safedeploy.documents.faults import unparsed
from safedeploy.errors import DefinitionsInvalidError, shown

# Each takes less than PyYAML's own: there, `on` and `no` are truth values, and 1:30 is ninety.
_PLAIN = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "tag:yaml.org,2002:int": (r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?",
        list("-+0123456789"),
    ),
}


def parse(text: str) -> Any:
    """Return the tree of a text that has no aliases, tags, or other names than texts.

    Raises:
        DefinitionsInvalidError: it isn't YAML, or says what JSON can't; or PyYAML isn't installed.
    """
    yaml = _yaml()
    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error)
        raise unparsed("yaml", text, str(why), mark.line + 1 if mark else None) from None
    except DefinitionsInvalidError:
        raise
    except ValueError as error:
        raise unparsed("yaml", text, str(error)) from None


def write(tree: Mapping[str, Any]) -> str:
    """Return the text of a tree."""
    yaml = _yaml()
    options = {"sort_keys": False, "allow_unicode": True, "width": 100}
    return str(yaml.dump(tree, Dumper=_dumper(), **options))


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        mend = "install it: pip install 'safedeploy[yaml]'"
        raise DefinitionsInvalidError("format", "yaml", mend) from None
    return yaml


def _loader() -> Any:
    yaml = _yaml()
    base: Any = yaml.SafeLoader

    class Loader(base):  # type: ignore[misc]
        """Load what JSON can say."""

        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Refuse aliases, by which a small text says any amount, and tags, which JSON lacks."""
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent):
                raise _refused(event.start_mark, "use segments, not aliases")
            if getattr(event, "tag", None) is not None:
                raise _refused(event.start_mark, "use no tags")
            return base.compose_node(self, parent, index)

    Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
    for tag, (pattern, first) in _PLAIN.items():
        Loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), first)
    return Loader


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, str):
            raise _refused(key.start_mark, "quote a name that is no text")
        if name in made:
            raise _refused(key.start_mark, f"give each name once: {shown(name)} is there twice")
        made[name] = loader.construct_object(value, deep=True)
    return made


def _refused(mark: Any, why: str) -> DefinitionsInvalidError:
    return unparsed("yaml", mark.buffer.rstrip("\0"), why, mark.line + 1)


def _dumper() -> Any:
    base: Any = _yaml().SafeDumper

    class Dumper(base):  # type: ignore[misc]
        """Write everything out."""

        def ignore_aliases(self, data: Any) -> bool:
            """Have no aliases, which can't be read."""
            return True

    def text(dumper: Any, value: str) -> Any:
        # Some line ends of Unicode are lost unless they are escaped.
        style = None if value.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)

    Dumper.add_representer(str, text)
    return Dumper
