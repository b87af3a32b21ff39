"""What commands that train start and load first, before they look at what they were asked for."""

from service.collecting import loading
from service.opened import closed_later, named_server
from service.tracking.ahead import one_ahead


def load_ahead(store: str | None, server: str | None) -> None:
    """Loads what runs a sweep, beside a process that loads what shows it in MLflow; a server has both already."""
    if not named_server(store, server):
        closed_later(one_ahead())
    with loading():
        import service.cli.begin  # noqa: F401
