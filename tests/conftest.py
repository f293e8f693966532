"""Hypothesis: 50 examples at the desk, 300 in CI; no deadline, machines differ."""

import os

from hypothesis import HealthCheck, settings

_CALM = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_CALM)
settings.register_profile("ci", max_examples=300, deadline=None, suppress_health_check=_CALM)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
