"""The environment that Ray reads once, while it is imported: to be set before workers.pool is."""

import os
import secrets

from sweeps.taskref import OWN_PACKAGES


def prepare_ray(*, local: bool) -> None:
    """Sets what is not set yet: no usage reports; a local cluster listens on loopback only and wants a token.

    Its workers load our packages before Ray puts the driver's folder first on their path, which may hold a `service`
    or `workers` of the user's.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if local:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        os.environ.setdefault("RAY_preload_python_modules", ",".join(OWN_PACKAGES))
