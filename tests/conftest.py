"""Hypothesis: 50 examples at the desk, 300 in CI; no deadline, machines differ."""

import os

from hypothesis import HealthCheck, Phase, settings

_CALM = settings(
    deadline=None,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # slow where plans are made
    suppress_health_check=[HealthCheck.too_slow],
)

settings.register_profile("dev", _CALM, max_examples=50)
settings.register_profile("ci", _CALM, max_examples=300)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
