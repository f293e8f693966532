"""The fleet in a text table, as `kubectl get` has it, and the same as JSON.

No library: a table is its cells, padded to the width of their column, and every cell here is short
ASCII. `tabulate` and `rich` would be on every node for the sake of a command that runs on none.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from agent.planning.fleet import NO_AGENT, SILENT, Fleet, Row
from agent.reporting.texts import dump

HEADER = ("NODE", "STATE", "REASON", "RUNTIME", "VERSION", "TRUST", "CONFIG", "SEEN", "NOTE")
NAMES_SHOWN = 20

_SHORT = 12
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))
_SAID = {SILENT: "gone silent", NO_AGENT: "no agent"}


def table_lines(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of equally many cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "   ".join(map(str.ljust, row, widths)).rstrip()


def fleet_lines(fleet: Fleet, *, most_rows: int | None = None) -> Iterator[str]:
    """A line per node, the totals, and by name those that say nothing.

    Of more than `most_rows` nodes only the first, which are the worst, have a line.
    """
    rows = fleet.rows[:most_rows]
    yield from table_lines([HEADER, *(_cells(row, fleet.now) for row in rows)])
    if len(rows) < len(fleet.rows):
        yield f"... and {len(fleet.rows) - len(rows)} more"
    totals = ", ".join(f"{count} {state}" for state, count in fleet.totals.items())
    yield f"nodes: {len(fleet.rows)}{f' ({totals})' if totals else ''}"
    if fleet.trust:
        yield f"trust: {fleet.trust}"
    for state, words in _SAID.items():
        if names := fleet.names(state):
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            yield f"{words}: {', '.join(names[:NAMES_SHOWN])}{more}"


def fleet_json(fleet: Fleet) -> str:
    """An object: nodes, worst first, totals by state, and where the trust controller is."""
    nodes = [_object(row) for row in fleet.rows]
    return dump({"nodes": nodes, "totals": fleet.totals, "trust": fleet.trust})


def age(span: timedelta) -> str:
    """How long ago, in the largest whole unit: `40s`, `7m`, `3h`, `2d`."""
    for unit, length in _UNITS:
        if span >= length:
            return f"{span // length}{unit}"
    return f"{max(0, int(span.total_seconds()))}s"


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    told = row.told
    return (
        row.node,
        row.state,
        told.reason or "-",
        told.runtime or "-",
        told.version or "-",
        ",".join(trust[:_SHORT] for trust in told.trust) or "-",
        told.config_sha256[:_SHORT] or "-",
        age(now - told.renewed) if told.renewed else "-",
        row.note,
    )


def _object(row: Row) -> dict[str, object]:
    told = row.told
    return {
        "node": row.node,
        "state": row.state,
        "reason": told.reason,
        "runtime": told.runtime,
        "version": told.version,
        "trust_sha256": list(told.trust),
        "config_sha256": told.config_sha256,
        "renewed": told.renewed.isoformat() if told.renewed else None,
        "note": row.note,
    }
