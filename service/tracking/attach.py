"""Adds files to a sweep's parent run after the sweep has ended."""

from collections.abc import Mapping

from service.home import Home
from service.records import MlflowPlace
from service.tracking.client import check_reachable, open_client
from service.tracking.links import without_password
from service.tracking.writer import Writer
from sweeps.errors import EnvironmentFailure


def attach(home: Home, place: MlflowPlace, files: Mapping[str, bytes]) -> None:
    """Logs files, by path, as artifacts of the run at a place, over older ones.

    Raises EnvironmentFailure if the home's MLflow is another one, is away, or refuses.
    """
    ours = without_password(home.tracking_uri)
    if ours != place.tracking_uri:
        raise EnvironmentFailure(f"the sweep is in the MLflow at {place.tracking_uri}, and this one is {ours}")
    check_reachable(home)
    client = open_client(home)
    from mlflow.exceptions import MlflowException

    writer = Writer(client)
    writer.later(place.run_id, lambda: files, {})
    try:
        writer.flush()
    except (MlflowException, OSError) as error:
        raise EnvironmentFailure(f"MLflow at {ours}: {str(error).splitlines()[0]}") from error
