"""A Ray cluster: joining one or starting one here, and what it has."""

import socket

import ray

from sweeps.errors import EnvironmentFailure


def connect(address: str | None) -> None:
    """Joins the cluster, or starts a local one. Raises EnvironmentFailure."""
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        if address is None:
            ray.init(include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    except Exception as error:
        # Ray raises a plain Exception, too, where one of its processes died or was slow.
        ray.shutdown()
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        if address is None:
            told = f"no Ray cluster could be started here: {reason}; see that memory, disk and processors are free"
        else:
            told = (
                f"no Ray cluster could be joined at '{address}': {reason}; start one with `ray start --head`, "
                "give its address as --address HOST:PORT, or leave --address out for a local one"
            )
        raise EnvironmentFailure(told) from error


def _knock(address: str) -> None:
    """Ray itself tries a dead address for minutes and then ends the whole process. Raises OSError."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=5).close()


def cluster_resources(address: str | None = None) -> dict[str, float]:
    """What a cluster has, by Ray's names; starts a local one for the question where no address is given.

    Raises EnvironmentFailure if none can be joined.
    """
    connect(address)
    try:
        has: dict[str, float] = ray.cluster_resources()
        return has
    finally:
        ray.shutdown()


def in_words(resources: dict[str, float]) -> str:
    """What there is of processors and GPUs, for a message."""
    return f"{resources.get('CPU', 0.0):g} CPU and {resources.get('GPU', 0.0):g} GPU"
