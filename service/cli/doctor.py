"""Checking an installation: `lrsweep doctor`."""

import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version

import typer

from service.cli.options import Json, StoreUrl, TrackingUri
from service.cli.output import print_json, results
from service.home import Home

_PACKAGES = ("torch", "ray", "optuna", "mlflow", "sqlalchemy", "alembic", "pydantic")


def doctor(store: StoreUrl = None, tracking_uri: TrackingUri = None, json: Json = False) -> None:
    """Check Python, packages, store, MLflow, Ray, GPU and disk; exit 1 if something would keep a sweep from running."""
    home = Home.find(store=store, tracking_uri=tracking_uri)
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: f"{sys.version.split()[0]} on {os.cpu_count()} cores",
        "packages": lambda: ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "disk": lambda: _disk(home),
        "store": lambda: _store(home),
        "mlflow": lambda: _mlflow(home),
        "torch": _torch,
        "ray": _ray,
    }
    findings = [_finding(name, check) for name, check in checks.items()]
    if json:
        print_json(findings)
    else:
        for finding in findings:
            results().print(
                f"{'ok  ' if finding['ok'] else 'FAIL'} {finding['check']}: {finding['says']}", soft_wrap=True
            )
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(1)


def _finding(name: str, check: Callable[[], str]) -> dict[str, object]:
    try:
        return {"check": name, "ok": True, "says": check()}
    except Exception as error:
        return {"check": name, "ok": False, "says": str(error) or type(error).__name__}


def _disk(home: Home) -> str:
    home.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.folder).free / 2**30
    if free < 0.5:
        raise OSError(f"only {free:.1f} GiB free at {home.folder}; a sweep may need more")
    return f"{free:.0f} GiB free at {home.folder}"


def _store(home: Home) -> str:
    from service.store import Store

    with Store.open(home.store_url) as opened:
        return f"answers and is up to date, newest sweep: {next((s.id for s in opened.sweeps(limit=1)), 'none yet')}"


def _mlflow(home: Home) -> str:
    from service.tracking.client import check_reachable
    from service.tracking.links import without_password

    check_reachable(home)
    return f"reachable at {without_password(home.tracking_uri)}"


def _torch() -> str:
    import torch

    gpus = torch.cuda.device_count()
    return f"{torch.__version__}, {gpus} GPU{'' if gpus == 1 else 's'}"


def _ray() -> str:
    from workers.rayenv import prepare_ray

    prepare_ray(local=True)
    from workers.cluster import cluster_resources, in_words

    return f"a local cluster starts and has {in_words(cluster_resources())}"
