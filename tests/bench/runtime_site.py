"""A site directory with what the image has: the agent's run-time requirements and nothing else.

The virtual environment holds the development tools too, and libraries import what they find there
(structlog imports rich, a tool's requirement: 52 modules), which would make the figures wrong.
"""

from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

AGENT = "registry-node-agent"
EXTRAS = ("cri",)


def make(place: Path) -> None:
    """Fill an empty directory with links to the modules of every requirement."""
    for found in _closure():
        for top in {file.parts[0] for file in found.files or () if ".." not in file.parts}:
            source, link = Path(str(found.locate_file(top))), place / top
            if source.exists() and not link.exists():
                link.symlink_to(source)


def _closure() -> list[Distribution]:
    """What the agent requires, and what that requires; without the agent itself."""
    seen: dict[str, Distribution] = {}
    waiting = [Requirement(f"{AGENT}[{','.join(EXTRAS)}]")]
    while waiting:
        wanted = waiting.pop()
        found = distribution(wanted.name)
        if found.name in seen:
            continue
        seen[found.name] = found
        for text in found.requires or ():
            further = Requirement(text)
            extras = (*wanted.extras, "")
            if not further.marker or any(further.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(further)
    return [found for name, found in seen.items() if name != AGENT]
