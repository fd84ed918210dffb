"""A flag alone: no engine, no server, no network, and every answer says why.

It shows who is let in by an attribute, a group or a percentage; that a percentage is sticky and
only grows; and that two flags draw their percentages independently of each other.
"""

from safedeploy import Attribute, Context, FeatureFlag, Group, Percentage, Reason

PEOPLE = [Context(f"user-{number}") for number in range(10_000)]

new_checkout = FeatureFlag.boolean(
    "new-checkout",
    when=Attribute("plan").equals("beta") & ~Group("auditors") | Percentage(5),
)
buy_button = FeatureFlag(
    "buy-button",
    variants={"calm": "grey", "loud": "red"},
    default="calm",
).serve("loud", when=Percentage(50))


def explain(context: Context) -> None:
    """Print what a context gets, and why."""
    found = new_checkout.resolve(context)
    rule = f", rule {found.rule}" if found.rule else ""
    print(f"  {context}: {found.variant}, because {found.reason.value}{rule}")


def targeting() -> None:
    """Let beta users in, but no auditors, and nobody else but five percent."""
    outsider = next(person for person in PEOPLE if not new_checkout.resolve(person).value)
    beta = Context("user-17", {"plan": "beta"})
    auditor = Context("user-17", {"plan": "beta"}, groups=["auditors"])
    anonymous = Context()
    print("new-checkout")
    for context in (outsider, beta, auditor, anonymous):
        explain(context)

    assert new_checkout.resolve(beta).value is True
    assert new_checkout.resolve(auditor).value is False
    assert new_checkout.resolve(anonymous).reason is Reason.DEFAULT


def percentages() -> None:
    """Widen a percentage: whoever was in stays in."""
    reached: set[str | None] = set()
    for percent in (1, 5, 25, 100):
        flag = FeatureFlag.boolean("search", when=Percentage(percent))
        wider = {person.key for person in PEOPLE if flag.resolve(person).value}
        print(f"search at {percent:3} %: {len(wider):6,} of {len(PEOPLE):,} people")

        assert reached <= wider
        assert abs(len(wider) / len(PEOPLE) - percent / 100) < 0.02
        reached = wider


def independence() -> None:
    """Ask two flags: half of those who see red get the new search, as does half of the rest."""
    search = FeatureFlag.boolean("search", when=Percentage(50))
    red = [person for person in PEOPLE if buy_button.resolve(person).value == "red"]
    both = sum(search.resolve(person).value for person in red)
    print(f"{len(red):,} people see a red button; {both:,} of them get the new search")

    assert abs(both / len(red) - 0.5) < 0.03


if __name__ == "__main__":
    targeting()
    percentages()
    independence()
