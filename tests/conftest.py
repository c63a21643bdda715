"""What holds for all tests: hypothesis looks for counterexamples and takes no time, on a busy machine too."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
