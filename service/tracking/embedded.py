"""The embedded MLflow's database comes into being whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from service.home import Home, sqlite_url


def make_database(home: Home) -> None:
    """Makes the database file of an embedded MLflow where there is none.

    MLflow itself cannot go on with one whose tables it was kept from completing: by SIGKILL, by a full disk.
    """
    file = home.folder / "mlflow.db"
    if file.exists():
        return
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    home.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="mlflow-", dir=home.folder) as folder:
        new = Path(folder) / file.name
        engine = create_sqlalchemy_engine(sqlite_url(new))
        try:
            _initialize_tables(engine)
        finally:
            engine.dispose()
        # Another sweep's process may have been quicker.
        with suppress(FileExistsError):
            os.link(new, file)
