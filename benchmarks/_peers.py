"""Peers: other flag libraries, asked the same questions, each offline and without telemetry.

    pip install --group peers

What isn't installed is left out, with a word. Four flags: one is on for all; one for a fifth; one
for the plan "beta", which nobody has, and a fifth; and one has three variants, at 50, 30 and 20.
"""

from __future__ import annotations

import atexit
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import attrs

from benchmarks._measure import Contender, minimal

ON, FIFTH, RULE, THREE = "on", "20 %", "a rule and 20 %", "three variants"
MADE, MADE_OF_TWO = "context and 20 %", "context of two attributes and 20 %"
WEIGHTS = {"a": 50, "b": 30, "c": 20}


@attrs.frozen
class Asked:
    """Say how a peer is asked.

    Attributes:
        names: what the code needs, by name.
        context: makes what the peer takes for a user.
        bodies: the code, by column; it has a `user` and that user's context, `asked`.
    """

    names: Mapping[str, Any]
    context: Callable[[str], Any]
    bodies: Mapping[str, str]


def bodies(evaluate: str, variant: str, *made: str) -> dict[str, str]:
    """Return the code of every column from patterns, of which {0} is a flag's key and {1} whom."""
    keys = {ON: "on", FIFTH: "fifth", RULE: "rule"}
    found = {column: evaluate.format(key, "asked") for column, key in keys.items()}
    found |= {THREE: variant.format("three", "asked")} if variant else {}
    columns = zip((MADE, MADE_OF_TWO), made, strict=False)
    return found | {column: evaluate.format("fifth", whom) for column, whom in columns}


def feature_management() -> Asked:
    """Ask Microsoft's feature management."""
    from featuremanagement import FeatureManager, TargetingContext

    def fifth(*groups: str) -> dict[str, Any]:
        whole = [{"Name": name, "RolloutPercentage": 100} for name in groups]
        audience = {"Audience": {"DefaultRolloutPercentage": 20, "Groups": whole}}
        return {"client_filters": [{"name": "Microsoft.Targeting", "parameters": audience}]}

    shares = [("a", 0, 50), ("b", 50, 80), ("c", 80, 100)]
    allocated = [{"variant": name, "from": low, "to": high} for name, low, high in shares]
    flags = [
        {"id": "on", "enabled": True},
        {"id": "fifth", "enabled": True, "conditions": fifth()},
        {"id": "rule", "enabled": True, "conditions": fifth("beta")},
        {
            "id": "three",
            "enabled": True,
            "variants": [{"name": name, "configuration_value": name} for name in WEIGHTS],
            "allocation": {"default_when_enabled": "a", "percentile": allocated},
        },
    ]
    names = {
        "fm": FeatureManager({"feature_management": {"feature_flags": flags}}),
        "Targeted": TargetingContext,
    }
    whom = "Targeted(user_id=user)", "Targeted(user_id=user, groups=['pro', 'eu'])"
    patterns = bodies("fm.is_enabled('{}', {})", "fm.get_variant('{}', {})", *whom)
    return Asked(names, lambda user: TargetingContext(user_id=user, groups=["pro"]), patterns)


def open_feature() -> Asked:
    """Ask OpenFeature's SDK with its provider in memory, which has the yardstick decide."""
    from openfeature import api
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagResolutionDetails
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    def decide(_: Any, asked: EvaluationContext) -> FlagResolutionDetails[bool]:
        return FlagResolutionDetails(minimal("fifth", asked.targeting_key or ""))

    variants = {"on": True, "off": False}
    api.set_provider(
        InMemoryProvider(
            {
                "on": InMemoryFlag("on", variants),
                "fifth": InMemoryFlag("off", variants, context_evaluator=decide),
            }
        )
    )
    names = {"of": api.get_client(), "Evaluated": EvaluationContext}
    whom = "Evaluated(user)", "Evaluated(user, {'plan': 'pro', 'age': 41})"
    patterns = bodies("of.get_boolean_value('{}', False, {})", "", *whom)
    del patterns[RULE]
    return Asked(names, EvaluationContext, patterns)


def launch_darkly() -> Asked:
    """Ask LaunchDarkly's SDK with flags from a file."""
    from ldclient import Config, Context, LDClient
    from ldclient.integrations import Files

    def flag(key: str, *percents: int, values: Sequence[Any] = (True, False)) -> dict[str, Any]:
        weights = [{"variation": n, "weight": 1000 * each} for n, each in enumerate(percents)]
        otherwise = {"rollout": {"variations": weights}} if weights else {"variation": 0}
        common = {"on": True, "salt": "s", "version": 1, "offVariation": 1}
        return {"key": key, "variations": list(values), "fallthrough": otherwise, **common}

    beta = {"attribute": "plan", "op": "in", "values": ["beta"]}
    flags = {
        "on": flag("on"),
        "fifth": flag("fifth", 20, 80),
        "rule": {
            **flag("rule", 20, 80),
            "rules": [{"id": "beta", "variation": 0, "clauses": [beta]}],
        },
        "three": flag("three", *WEIGHTS.values(), values=list(WEIGHTS)),
    }
    file = Path(mkdtemp()) / "flags.json"
    file.write_text(json.dumps({"flags": flags}), encoding="utf-8")
    source = Files.new_data_source(paths=[str(file)])
    client = LDClient(Config("sdk-key", update_processor_class=source, send_events=False))
    atexit.register(client.close)
    names = {"ld": client, "LDContext": Context}
    built = "LDContext.builder(user).set('plan', 'pro').set('age', 41).build()"
    patterns = bodies(
        "ld.variation('{}', {}, False)",
        "ld.variation('{}', {}, 'a')",
        "LDContext.create(user)",
        built,
    )
    return Asked(names, lambda user: Context.builder(user).set("plan", "pro").build(), patterns)


def unleash() -> Asked:
    """Ask Unleash's client, with flags from its cache."""
    from UnleashClient import UnleashClient
    from UnleashClient.cache import FileCache

    def gradually(percent: int, key: str, *constraints: Any) -> dict[str, Any]:
        parameters = {"rollout": str(percent), "stickiness": "default", "groupId": key}
        return {
            "name": "flexibleRollout",
            "parameters": parameters,
            "constraints": list(constraints),
        }

    beta = {"contextName": "plan", "operator": "IN", "values": ["beta"]}
    strategies = {
        "on": [{"name": "default", "parameters": {}}],
        "fifth": [gradually(20, "fifth")],
        "rule": [gradually(100, "rule", beta), gradually(20, "rule")],
        "three": [{"name": "default", "parameters": {}}],
    }
    features = [
        {"name": key, "enabled": True, "strategies": those} for key, those in strategies.items()
    ]
    features[-1]["variants"] = [
        {"name": name, "weight": 10 * weight, "weightType": "fix"}
        for name, weight in WEIGHTS.items()
    ]
    cache = FileCache("benchmark", directory=mkdtemp())
    cache.bootstrap_from_dict({"version": 2, "features": features})
    silent = {"disable_metrics": True, "disable_registration": True}
    client = UnleashClient("http://localhost:1", "benchmark", cache=cache, **silent)
    client.initialize_client(fetch_toggles=False)
    atexit.register(client.destroy)
    two = "{{'userId': user, 'properties': {{'plan': 'pro', 'age': '41'}}}}"
    patterns = bodies(
        "un.is_enabled('{}', {})",
        "un.get_variant('{}', {})",
        "{'userId': user}",
        two.replace("{{", "{").replace("}}", "}"),
    )
    names = {"un": client}
    return Asked(names, lambda user: {"userId": user, "properties": {"plan": "pro"}}, patterns)


def growth_book() -> Asked:
    """Ask GrowthBook's SDK, with an object for each user, as it wants; a new user is set in one."""
    from growthbook import GrowthBook

    fifth = {"force": True, "coverage": 0.2, "hashAttribute": "id"}
    drawn = {
        "variations": list(WEIGHTS),
        "weights": [weight / 100 for weight in WEIGHTS.values()],
        "hashAttribute": "id",
        "key": "three",
    }
    features = {
        "on": {"defaultValue": True},
        "fifth": {"defaultValue": False, "rules": [fifth]},
        "rule": {
            "defaultValue": False,
            "rules": [{"condition": {"plan": "beta"}, "force": True}, fifth],
        },
        "three": {"defaultValue": "a", "rules": [drawn]},
    }

    def person(user: str) -> Any:
        return GrowthBook(attributes={"id": user, "plan": "pro"}, features=features)

    patterns = bodies("{1}.is_on('{0}')", "{1}.get_feature_value('{0}', 'a')")
    anew = "gb.set_attributes({attributes}); gb.is_on('fifth')".replace
    patterns[MADE] = anew("{attributes}", "{'id': user}")
    patterns[MADE_OF_TWO] = anew("{attributes}", "{'id': user, 'plan': 'pro', 'age': 41}")
    return Asked({"gb": person("")}, person, patterns)


def statsig() -> Asked:
    """Ask Statsig's core, with gates from a data store; a gate is on or off."""
    from statsig_python_core import (
        DataStore,
        DataStoreResponse,
        Statsig,
        StatsigOptions,
        StatsigUser,
    )

    def gate(key: str, *rules: tuple[int, str]) -> dict[str, Any]:
        made = [
            {
                "name": f"{key} {number}",
                "id": f"{key} {number}",
                "salt": f"{key} {number}",
                "passPercentage": percent,
                "conditions": [condition],
                "returnValue": True,
                "idType": "userID",
            }
            for number, (percent, condition) in enumerate(rules)
        ]
        kind = {"type": "feature_gate", "entity": "feature_gate", "idType": "userID"}
        return {"salt": key, "enabled": True, "defaultValue": False, "rules": made, **kind}

    beta = {"type": "user_field", "field": "plan", "operator": "any", "targetValue": ["beta"]}
    spec = {
        "feature_gates": {
            "on": gate("on", (100, "all")),
            "fifth": gate("fifth", (20, "all")),
            "rule": gate("rule", (100, "beta"), (20, "all")),
        },
        "dynamic_configs": {},
        "layer_configs": {},
        "condition_map": {
            "all": {"type": "public", "idType": "userID"},
            "beta": {**beta, "idType": "userID"},
        },
        "has_updates": True,
        "time": 1,
    }

    class Store(DataStore):  # type: ignore[misc]
        def get(self, key: str) -> Any:
            return DataStoreResponse(result=json.dumps(spec), time=1)

    options = StatsigOptions(
        disable_network=True,
        disable_all_logging=True,
        disable_disk_access=True,
        disable_country_lookup=True,
        data_store=Store(),
        output_log_level="none",
    )
    server = Statsig("secret-key", options)
    server.initialize().wait()
    atexit.register(lambda: server.shutdown().wait())
    whom = (
        "StatsigUser(user_id=user)",
        "StatsigUser(user_id=user, custom={'plan': 'pro', 'age': 41})",
    )
    patterns = bodies("st.check_gate({1}, '{0}')", "", *whom)
    names = {"st": server, "StatsigUser": StatsigUser}
    return Asked(names, lambda user: StatsigUser(user_id=user, custom={"plan": "pro"}), patterns)


def larz() -> Asked:
    """Ask larzflags. A user is a bare text; its rule must hold before a fifth is drawn."""
    from larzflags import FeatureFlags

    flags = FeatureFlags()
    flags.add("on")
    flags.add("fifth", percentage=20)
    flags.add("rule", percentage=20, rules=[("plan", "eq", "pro")])
    flags.add("three", variants=WEIGHTS)
    patterns = bodies("la.is_enabled('{}', user)", "la.variant('{}', user)")
    patterns[RULE] = "la.is_enabled('rule', user, asked)"
    patterns[MADE] = "la.is_enabled('fifth', user)"
    patterns[MADE_OF_TWO] = "la.is_enabled('fifth', user, {'plan': 'pro', 'age': 41})"
    return Asked({"la": flags}, lambda _: {"plan": "pro"}, patterns)


PEERS: dict[str, tuple[str, Callable[[], Asked]]] = {
    "featuremanagement": ("featuremanagement", feature_management),
    "openfeature-sdk": ("openfeature", open_feature),
    "launchdarkly-server-sdk": ("ldclient", launch_darkly),
    "UnleashClient": ("UnleashClient", unleash),
    "growthbook": ("growthbook", growth_book),
    "statsig-python-core": ("statsig_python_core", statsig),
    "larzflags": ("larzflags", larz),
}


def contenders(names: dict[str, Any], users: Sequence[str]) -> Iterator[Contender]:
    """Go through what each peer is asked, by column; what the code needs is added to the names."""
    for package, (module, prepare) in PEERS.items():
        if find_spec(module) is None:
            sys.stderr.write(f"{package} isn't installed: pip install --group peers\n")
            continue
        peer = prepare()
        people = f"people_of_{module}"
        names |= {**peer.names, people: [(user, peer.context(user)) for user in users]}
        for column, body in peer.bodies.items():
            name = f"peer: {package}, {column}"
            yield Contender(name, body, f"for user, asked in {people}", len(users))
