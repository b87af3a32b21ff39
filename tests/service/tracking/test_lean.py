"""The process that writes to MLflow loads mlflow without what only models and data sets need."""

import subprocess
import sys


def loaded_by(script: str) -> set[str]:
    """The packages that a process has loaded after a script."""
    script += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_mlflow_comes_without_pandas_and_others_may_still_load_it() -> None:
    lean = "from service.tracking.lean import load_lean_mlflow; load_lean_mlflow().MlflowClient"
    assert not {"pandas", "pyarrow", "scipy", "sklearn"} & loaded_by(lean)
    assert "pandas" in loaded_by(f"{lean}; import pandas")


def test_a_mlflow_that_cannot_do_without_is_loaded_whole() -> None:
    script = (
        "import service.tracking.lean as lean; lean._NOT_NEEDED = ('pandas', 'requests'); "
        "lean.load_lean_mlflow().MlflowClient"
    )
    assert {"mlflow", "pandas", "requests"} <= loaded_by(script)
