"""What docker-compose.yml starts works together: rehearsed without Docker, by the file's own words."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.composefile import commented, services
from tests.rehearsal.native import Native, marked
from tests.service.cli.conftest import clean_environment, command

SPEC = {
    "task": {"use": "digits", "hidden": [16]},
    "budget": {"epochs": 1},
    "optimizers": ["AdamW"],
    "schedulers": ["none"],
    "trials": 2,
    "range_test": {"steps": 20, "seeds": 1},
}


def asked(url: str, *, body: object = None, **headers: str) -> Any:
    """The JSON that a server answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def followed(url: str, token: str) -> list[tuple[str, Any]]:
    """The events of a sweep until it ends, with what each says."""
    request = urllib.request.Request(url, headers={"Authorization": token})
    with urllib.request.urlopen(request, timeout=90) as stream:
        text = stream.read().decode()
    return [(kind, json.loads(data)) for kind, data in re.findall(r"^event: (.+)\ndata: (.+)$", text, re.MULTILINE)]


def wait_for(condition: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.postgres
@pytest.mark.ray
@pytest.mark.slow
def test_a_sweep_through_what_the_file_starts(native: Native) -> None:
    by_name = {service.name: service for service in services()}
    token = ""
    for name, service in by_name.items():
        for other, condition in service.waits_for.items():
            if condition == "service_completed_successfully":
                native.wait_done(by_name[other])
            elif other != "postgres":
                native.wait_healthy(by_name[other])
        if name == "api":
            words = commented(r"docker compose run --rm api (lrsweep token create .+?)\s+# shown once")
            said = native.run(service, *words.replace('"$USER"', "ann").split())
            token = f"Bearer {said.strip()}"
        if name != "postgres":
            native.start(service)
    native.wait_healthy(by_name["api"])

    server = native.here(commented(r"export LRSWEEP_SERVER=(\S+) .*"))
    sweeps = f"{server}/api/v1/sweeps"
    for headers in ({}, {"Authorization": f"{token}x"}):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            asked(sweeps, **headers)

    # From here on as the file says to users: the command line, with the server's address and the token.
    (native.folder / "spec.yaml").write_text(json.dumps(SPEC))
    client = clean_environment() | {"LRSWEEP_SERVER": server, "LRSWEEP_TOKEN": token.removeprefix("Bearer ")}
    done = subprocess.run(
        command("run", "spec.yaml", "--json"),
        cwd=native.folder,
        env=client,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + native.log("coordinator").read_text()
    sweep = json.loads(done.stdout)
    assert (sweep["status"], sweep["submitted_by"]) == ("DONE", "ann")
    assert [each["outcome"] for each in sweep["trials"]] == ["COMPLETE"] * 2
    assert [each["optimizer"] for each in sweep["picks"]] == ["AdamW"]

    # Whoever comes later reads its events from the beginning.
    events = followed(f"{sweeps}/{sweep['sweep']}/events", token)
    kinds = Counter(kind for kind, _ in events)
    assert kinds == {"range-test": 1, "report": 2, "trial": 2, "sweep": 1}

    mlflow = by_name["coordinator"].environment["MLFLOW_TRACKING_URI"]
    here = f"{native.here(mlflow)}/api/2.0/mlflow"
    # MLflow follows the store, also over the end of a sweep.
    coordinator = native.log("coordinator")
    wait_for(lambda: f"event=ended sweep={sweep['sweep']}" in coordinator.read_text())
    for trial in asked(f"{sweeps}/{sweep['sweep']}/trials", Authorization=token)["items"]:
        run = asked(f"{here}/runs/get?run_id={trial['mlflow_run_id']}")["run"]
        assert run["info"]["status"] == "FINISHED"
        assert {metric["key"] for metric in run["data"]["metrics"]} >= {"train/loss", "val/loss", "lr"}
    place = asked(f"{sweeps}/{sweep['sweep']}", Authorization=token)["mlflow"]
    files = asked(f"{here}/artifacts/list?run_id={place['run_id']}")["files"]
    assert {file["path"] for file in files} >= {"picks.json", "plots"}
    assert list(native.folder.glob("artifacts/**/plots/*.png"))

    # Other services call MLflow by its name in their network; nobody else's name is answered.
    assert asked(f"{here}/runs/get?run_id={place['run_id']}", Host=mlflow.partition("//")[2])
    with pytest.raises(urllib.error.HTTPError, match="403"):
        asked(f"{here}/runs/get?run_id={place['run_id']}", Host="elsewhere.example.org:5000")

    # No trial's process, and no Ray node, can read the store's password.
    password = (native.folder / "postgres_password").read_text().strip()
    for name in ("ray-head", "ray-worker"):
        for pid in marked(f"{native.mark}/{name}"):
            assert password.encode() not in Path(f"/proc/{pid}/environ").read_bytes()

    assert native.stop("coordinator", patience=45) == 0
    for name in ("api", "ray-worker", "ray-head", "mlflow"):
        native.stop(name, patience=30)
    assert not marked(native.mark)
