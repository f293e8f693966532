"""Which Nodes a DaemonSet wants a pod on: its nodeSelector and its required node affinity.

As the scheduler has it (component-helpers/scheduling/corev1/nodeaffinity). Taints are not looked
at: the agent's DaemonSet tolerates them all. No library does this in Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One requirement: a label's key, or the field `metadata.name`; operator; values."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds for these labels. An operator that is not known never does."""
        found = labels.get(self.key)
        verdicts = {
            "In": found in self.values,
            "NotIn": found not in self.values,
            "Exists": found is not None,
            "DoesNotExist": found is None,
            "Gt": _compared(found, self.values) > 0,
            "Lt": _compared(found, self.values) < 0,
        }
        return verdicts.get(self.operator, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Requirements that must all hold; a term without any selects nothing."""

    labels: tuple[Expression, ...] = ()
    fields: tuple[Expression, ...] = ()

    def selects(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it selects the Node of this name with these labels."""
        fields = {"metadata.name": name}
        return (
            bool(self.labels or self.fields)
            and all(expression.holds(labels) for expression in self.labels)
            and all(expression.holds(fields) for expression in self.fields)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What one DaemonSet selects. `terms` is None where it has no required affinity."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    terms: tuple[Term, ...] | None = None

    def selects(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it wants a pod on the Node of this name with these labels."""
        return self.node_selector.items() <= labels.items() and (
            self.terms is None or any(term.selects(name, labels) for term in self.terms)
        )


def _compared(found: str | None, values: tuple[str, ...]) -> int:
    """The sign of a label's number less the one value; 0, for neither, where there are not both."""
    try:
        [value] = map(int, values)
        difference = int(found or "") - value
    except ValueError:
        return 0
    return (difference > 0) - (difference < 0)
