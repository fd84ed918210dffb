"""Records: events as text, and back. What a journal keeps for years has this one form.

A record is one line of strict JSON. Its rules don't change, so every record stays readable:

- None, truth values, numbers and texts are themselves, and a tuple is an array. Every other value
  is an object that names its kind under "$".
- An attrs value has its fields beside that, those that it is made from and compared by:
  `{"$":"Applied","at":...,"ring":"canary","epoch":1}`. What only one process can know (a check's
  callable, say) isn't kept. A field that was added later is left out while it has its default, so
  that earlier versions read what doesn't need it.
- Other values are under "is": a `time` in ISO 8601, in UTC unless it has no zone; a `duration` in
  whole microseconds; a member of an enum by name; a `float` that isn't finite; the items of a
  `list`, `set` or `frozenset`; the pairs of a `dict`, or of a `mapping` that can't be changed.
- What has no order is sorted, so that equal values have equal records.

A kind gains fields with defaults only, and loses none: a field that a record lacks takes its
default. A record that says more than this version knows, at any depth, is an `Unknown` event.
"""

from __future__ import annotations

import enum
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, NoneType
from typing import Any, TypeAlias, cast, get_args

import attrs

from safedeploy.blocks import Block
from safedeploy.digests import is_default
from safedeploy.errors import DefinitionError, JournalInvalidError
from safedeploy.events import Event, Unknown
from safedeploy.health import HealthModel
from safedeploy.kinds import KINDS

Writer: TypeAlias = Callable[[Any], str]
Reader: TypeAlias = Callable[[dict[str, Any]], object]

_EVENTS: tuple[type[Event], ...] = get_args(Event)
_SCALARS = frozenset({NoneType, bool, int, str, float})
_INFINITE = MappingProxyType({"nan": math.nan, "inf": math.inf, "-inf": -math.inf})
_MICROSECOND = timedelta(microseconds=1)
_UNTOLD = datetime.min.replace(tzinfo=UTC)
_quoted = json.encoder.encode_basestring_ascii  # the half of JSON that is hard, in C
_loads = json.JSONDecoder(parse_constant=int).decode  # int refuses NaN, which isn't JSON


class Codec:
    """Write events and blocks as records, and read them.

    Args:
        kinds: the host's own attrs classes and enums that events may hold: signals, what they
            remember, the values of flags.

    Raises:
        DefinitionError: a kind is neither, can't be made from what is kept of it, or has a name
            that is taken.
    """

    def __init__(self, kinds: Iterable[type] = ()) -> None:
        self._writers = _Writers()
        self._readers: dict[str, Reader] = {}
        self._know_values()
        for row in KINDS:
            for kind in row:
                self._know_kind(kind)
        for kind in kinds:
            self._know_kind(_checked(kind))

    def encode(self, value: Event | Block) -> str:
        """Return the record of an event or a block; of an unknown event, what it was read from.

        Raises:
            DefinitionError: it holds what can't be kept.
        """
        if isinstance(value, Unknown):
            return value.text
        try:
            return self._writers[type(value)](value)
        except DefinitionError:
            raise
        except (ValueError, LookupError, OverflowError, RecursionError) as error:
            what = f"{type(value).__qualname__}: {type(error).__name__}"
        mend = "use numbers of fewer digits, times of the years 1 to 9999, and less nesting"
        raise DefinitionError("value", what, mend)

    def decode(self, text: str) -> Event:
        """Return the event of a record; `Unknown` where this version can't read all of it.

        Raises:
            JournalInvalidError: it is no record at all.
        """
        tree = _parsed(text)
        event = self._made(tree)
        if isinstance(event, _EVENTS) and isinstance(event.at, datetime):
            return event
        at, kind = self._made(tree.get("at")), tree["$"]
        told = isinstance(at, datetime) and at.tzinfo
        return Unknown(at if told else _UNTOLD, kind if isinstance(kind, str) else "", text)

    def decode_block(self, text: str) -> Block:
        """Return the block of a record.

        Raises:
            JournalInvalidError: it is no record of a block, or this version can't read all of it.
        """
        block = self._made(_parsed(text))
        if not isinstance(block, Block):
            raise _invalid("no block that this version can read")
        return block

    # Kinds

    def _know_values(self) -> None:
        ordered, pairs, read = self._ordered, self._pairs, self._items
        self._writers |= {NoneType: lambda _: "null", bool: lambda it: str(it).lower()}
        self._writers |= {int: int.__repr__, float: _float, str: _quoted}
        self._writers[tuple] = self._array
        self._readers["float"] = _sole(_INFINITE.__getitem__)
        self._know("time", datetime, _time, datetime.fromisoformat)
        self._know("duration", timedelta, _microseconds, lambda it: it * _MICROSECOND)
        self._know("list", list, self._array, read)
        self._know("set", set, ordered, lambda it: set(read(it)))
        self._know("frozenset", frozenset, ordered, lambda it: frozenset(read(it)))
        self._know("dict", dict, pairs, lambda it: dict(read(it)))
        self._know("mapping", MappingProxyType, pairs, lambda it: MappingProxyType(dict(read(it))))

    def _know(self, name: str, kind: type, write: Writer, read: Callable[[Any], object]) -> None:
        self._writers[kind] = lambda value: f'{{"$":"{name}","is":{write(value)}}}'
        self._readers[name] = _sole(read)

    def _know_kind(self, kind: type[Any]) -> None:
        name = kind.__qualname__
        if name in self._readers:
            raise DefinitionError("kinds", name, "give each kind once, and each its own name")
        if issubclass(kind, enum.Enum):
            self._writers[kind] = _member_writer(kind)
            self._readers[name] = _sole(kind.__members__.__getitem__)
        else:
            self._writers[kind] = self._fields_writer(kind)
            self._readers[name] = self._fields_reader(kind)

    # Writing

    def _fields_writer(self, kind: type[Any]) -> Writer:
        writers, begin = self._writers, f'{{"$":{_quoted(kind.__qualname__)}'
        kept = [each for each in attrs.fields(kind) if each.name in _kept(kind)]
        fields = [(f.name, f",{_quoted(f.name)}:") for f in kept if "added" not in f.metadata]
        added = [each for each in kept if "added" in each.metadata]

        def write(value: object) -> str:
            text = begin
            for name, lead in fields:
                part = getattr(value, name)
                text += lead + writers[type(part)](part)
            for field in added:
                if not is_default(field, value):
                    part = getattr(value, field.name)
                    text += f",{_quoted(field.name)}:{writers[type(part)](part)}"
            return text + "}"

        return write

    def _texts(self, values: Iterable[Any]) -> list[str]:
        writers = self._writers
        return [writers[type(value)](value) for value in values]

    def _array(self, values: Iterable[Any]) -> str:
        return f"[{','.join(self._texts(values))}]"

    def _ordered(self, values: Iterable[Any]) -> str:
        return f"[{','.join(sorted(self._texts(values)))}]"

    def _pairs(self, values: Mapping[Any, Any]) -> str:
        return self._ordered(values.items())

    # Reading

    def _made(self, tree: Any) -> Any:
        """Return the value of a tree; None where this version can't make it."""
        try:
            return self._value(tree)
        except RecursionError:
            raise _invalid("nested too deeply") from None
        except Exception:  # noqa: BLE001 - whatever a constructor raises, it refuses to be made
            return None

    def _value(self, tree: dict[str, Any] | list[Any]) -> Any:
        if isinstance(tree, list):
            return tuple(self._items(tree))
        return self._readers[tree["$"]](tree)

    def _items(self, trees: list[Any]) -> list[Any]:
        if not isinstance(trees, list):
            raise TypeError
        value = self._value
        return [tree if type(tree) in _SCALARS else value(tree) for tree in trees]

    def _fields_reader(self, kind: type[Any]) -> Reader:
        make = _health_model if kind is HealthModel else kind
        aliases, value = _kept(kind), self._value
        return lambda tree: make(
            **{
                aliases[field]: part if type(part) in _SCALARS else value(part)
                for field, part in tree.items()
                if field != "$"
            }
        )


class _Writers(dict[type[Any], Writer]):
    def __missing__(self, kind: type) -> Writer:
        if issubclass(kind, datetime):
            return self[datetime]  # a moment is one, whatever calendar or test made it
        name = kind.__qualname__
        mend = f"register attrs classes and enums: SqliteJournal(path, kinds=({name},))"
        raise DefinitionError("value", name, mend)


def _kept(kind: type[Any]) -> Mapping[str, str]:
    """Return the fields that a record holds, each with the name of the argument that it becomes."""
    return {each.name: each.alias for each in attrs.fields(kind) if each.init and each.eq}


def _checked(kind: type[Any]) -> type[Any]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and not issubclass(kind, enum.Flag):
        return kind
    if not isinstance(kind, type) or not attrs.has(kind):
        # The members of a `Flag` can be joined to one that has no name.
        raise DefinitionError("kinds", kind, "give attrs classes and enums, but no `enum.Flag`")
    try:
        inspect.signature(kind).bind(**dict.fromkeys(_kept(kind).values()))
    except TypeError:
        mend = "let it be made from the fields that count for equality, by name"
        raise DefinitionError("kinds", kind.__qualname__, mend) from None
    return kind


def _member_writer(kind: type[enum.Enum]) -> Writer:
    begin = f'{{"$":{_quoted(kind.__qualname__)},"is":'
    texts = {name: f"{begin}{_quoted(name)}}}" for name in kind.__members__}
    return lambda it: texts[it.name]


def _health_model(signals: tuple[Any, ...], **rest: Any) -> HealthModel:
    return HealthModel(*signals, **rest)


def _sole(read: Callable[[Any], object]) -> Reader:
    """Return a reader of what stands under "is", and of nothing else."""

    def sole(tree: dict[str, Any]) -> object:
        if len(tree) != 2:
            raise ValueError
        return read(tree["is"])

    return sole


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'{{"$":"float","is":"{value!r}"}}'


def _time(value: datetime) -> str:
    if value.tzinfo is not UTC and value.utcoffset() is not None:
        value = value.astimezone(UTC)
    return f'"{datetime.isoformat(value)}"'


def _microseconds(value: timedelta) -> str:
    return str(value // _MICROSECOND)


def _parsed(text: str) -> dict[str, Any]:
    try:
        tree: Any = _loads(text)
    except (ValueError, TypeError, RecursionError):
        tree = None
    # Raised out here, because what was caught holds the text.
    if not isinstance(tree, dict) or "$" not in tree:
        raise _invalid("no record")
    return cast("dict[str, Any]", tree)


def _invalid(why: str) -> JournalInvalidError:
    return JournalInvalidError("record", why, "restore the journal from a copy")
