"""`python -m workers.clustersize ADDRESS` prints what a Ray cluster has, as JSON: for processes that do without Ray."""

import json
import sys

from sweeps.errors import EnvironmentFailure
from workers.rayenv import prepare_ray


def main(address: str) -> int:
    """Asks the cluster; 1, and why, if none can be joined there."""
    prepare_ray(local=False)
    from workers.cluster import cluster_resources

    try:
        has = cluster_resources(address)
    except EnvironmentFailure as error:
        print(error)
        return 1
    print(json.dumps({"cpus": has.get("CPU", 0.0), "gpus": has.get("GPU", 0.0)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
