"""What all tests share: how hypothesis searches."""

from hypothesis import HealthCheck, settings

# The same examples everywhere, and no verdict on the speed of a busy machine.
settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("project")
