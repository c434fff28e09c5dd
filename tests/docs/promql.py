"""PromQL as far as alerts and panels need it checked: names, labels, brackets, and what a counter is good for."""

import re

from docs.scraped import FROM_PROMETHEUS, Catalog

FUNCTIONS = {
    *("changes", "clamp_min", "histogram_quantile", "increase", "label_values", "max", "min", "min_over_time"),
    *("rate", "sum", "time"),
}
WORDS = {"and", "or", "unless", "by", "without", "on"}

OF_COUNTERS = {"rate", "increase", "changes"}

_METRIC = re.compile(r"\b(?:finalex_\w+|process_\w+|up)\b")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"\b(finalex_\w+|process_\w+|up)\{([^}]*)\}")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def metrics_in(text: str) -> set[str]:
    """Return the names of metrics in an expression, or in prose."""
    return set(_METRIC.findall(_QUOTED.sub('""', text)))


def problems(expression: str, catalog: Catalog) -> list[str]:
    """Return what is wrong with an expression, where there are the metrics of `catalog`."""
    bare = _QUOTED.sub('""', expression)
    found = [] if balanced(bare) else ["its brackets do not match"]
    found += [f"there is no metric {name}" for name in sorted(metrics_in(expression) - {"up"} - set(catalog.types))]
    found += [f"there is no function {name}" for name in re.findall(r"\b([a-z_]+)\s*\(", bare) if unknown(name)]
    found += [f"{name} has no label {label}" for name, label in wrong_labels(expression, catalog)]
    for name in sorted(metrics_in(expression)):
        counts = catalog.types.get(name) in ("counter", "histogram")
        uses = re.findall(rf"(\w+)\({name}(?:\{{[^}}]*\}})?\[", bare)
        times = len(re.findall(rf"\b{name}\b", bare))
        if counts and not (len(uses) == times and set(uses) <= OF_COUNTERS):
            found.append(f"{name} is a counter: only its rate or increase says something")
        if not counts and any(use in ("rate", "increase") for use in uses):
            found.append(f"{name} is no counter: it has no rate")
    return found


def balanced(text: str) -> bool:
    """Whether every bracket has its partner."""
    open_ones: list[str] = []
    for character in text:
        if character in "([{":
            open_ones.append(character)
        elif character in _PAIRS and (not open_ones or open_ones.pop() != _PAIRS[character]):
            return False
    return not open_ones


def unknown(name: str) -> bool:
    """Whether a name before a bracket is neither a function of the list nor a word."""
    return name not in FUNCTIONS | WORDS


def wrong_labels(expression: str, catalog: Catalog) -> list[tuple[str, str]]:
    """Return metric and label for each label asked of a metric that has samples, but not this label."""
    return [
        (name, label)
        for name, selector in _SELECTOR.findall(expression)
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)
        if name in catalog.labels and label not in catalog.labels[name] | FROM_PROMETHEUS
    ]


def label_matches(expression: str, label: str) -> set[str]:
    """Return the values that an expression asks of a label."""
    return set(re.findall(rf'\b{label}="([^"]*)"', expression))
