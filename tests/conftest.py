"""What holds for all tests: hypothesis looks for counterexamples and takes no time, on a busy machine too; and
Ctrl-C is heard, also where a shell started the tests in its background and hands on that it is ignored."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
