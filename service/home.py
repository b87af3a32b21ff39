"""Where the embedded files live, and which store and MLflow a command talks to."""

import os
from dataclasses import dataclass
from pathlib import Path


def sqlite_url(file: Path) -> str:
    """The SQLAlchemy URL of a database file; it reads `%` and `?` in a path as part of the URL.

    >>> sqlite_url(Path("/data/100%?/lrsweep.db"))
    'sqlite:////data/100%25%3F/lrsweep.db'
    """
    return "sqlite:///" + str(file).replace("%", "%25").replace("?", "%3F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder of the embedded store, MLflow database, artifacts and checkpoints; URLs may point elsewhere."""

    folder: Path
    store_url: str
    tracking_uri: str

    @classmethod
    def find(cls, *, store: str | None = None, tracking_uri: str | None = None) -> "Home":
        """The home of this process: arguments win over the environment, which wins over `.lrsweep/` here.

        Environment: LRSWEEP_HOME (folder), LRSWEEP_STORE (SQLAlchemy URL), MLFLOW_TRACKING_URI.
        """
        folder = Path(os.environ.get("LRSWEEP_HOME") or ".lrsweep").absolute()
        return cls(
            folder=folder,
            store_url=store or os.environ.get("LRSWEEP_STORE") or sqlite_url(folder / "lrsweep.db"),
            tracking_uri=tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_url(folder / "mlflow.db"),
        )

    @property
    def artifacts(self) -> Path:
        """Where the embedded MLflow keeps artifacts."""
        return self.folder / "artifacts"

    @property
    def checkpoints(self) -> Path:
        """Where workers keep the lanes of unfinished trials."""
        return self.folder / "checkpoints"

    @property
    def embedded_tracking(self) -> bool:
        """True if MLflow is the database file under the folder, with no server."""
        return self.tracking_uri == sqlite_url(self.folder / "mlflow.db")
