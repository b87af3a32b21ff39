"""docker-compose.yml is valid and safe, and so is what its images are made from. tests/rehearsal starts it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.composefile import COMPOSE, FILE, ROOT, TEXT, interpolated, is_own, services

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
OWN = [name for name, service in SERVICES.items() if is_own(service["image"])]
BUILDERS = {service["image"]: name for name, service in SERVICES.items() if "build" in service}
ONCE = {"migrate"}


def test_it_follows_the_compose_specification() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_waited_for_can_become_so() -> None:
    waited = [(name, on["condition"]) for each in SERVICES.values() for name, on in each.get("depends_on", {}).items()]
    assert {condition for _, condition in waited} == {"service_healthy", "service_completed_successfully"}
    for name, condition in waited:
        if condition == "service_healthy":
            assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        else:
            assert name in ONCE


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", interpolated(port)), port


@pytest.mark.parametrize("name", SERVICES)
def test_services_restart_within_limits_and_gain_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("on-failure:3" if name in ONCE else "unless-stopped")
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["init"] is True
    assert service["security_opt"] == ["no-new-privileges=true"]
    assert service["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].rpartition(":")[2]
    if name in OWN:
        assert re.fullmatch(rf"{re.escape(PROJECT['version'])}(-gpu)?", tag), tag
    else:
        assert re.match(r"v?\d+", tag), tag


@pytest.mark.parametrize("name", OWN)
def test_our_containers_run_without_capabilities_as_a_user_from_our_dockerfile(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    build = SERVICES[BUILDERS[service["image"]]]["build"]
    assert (ROOT / build["dockerfile"]).is_file()
    stage = re.search(rf"^FROM base AS {build['target']}$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S)
    assert stage
    users = re.findall(r"^USER (\w+)$", stage[1], re.M)
    assert users == ["lrsweep"]


def waited_for(name: str) -> set[str]:
    """The services that must be there before it, and itself."""
    return {name}.union(*(waited_for(other) for other in SERVICES[name].get("depends_on", {})))


@pytest.mark.parametrize("name", OWN)
def test_our_images_are_never_pulled_and_built_once_before_any_service_needs_them(name: str) -> None:
    service = SERVICES[name]
    assert service["pull_policy"] == "never"
    assert [each["image"] for each in SERVICES.values() if "build" in each].count(service["image"]) == 1
    assert BUILDERS[service["image"]] in waited_for(name)


def test_both_images_are_built_for_one_version() -> None:
    assert set(re.findall(r"lrsweep(?:-api)?:(\d[\d.]*)", DOCKERFILE)) == {PROJECT["version"]}


def test_the_dockerfile_pins_what_it_builds_on() -> None:
    (python,) = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.M)
    assert re.fullmatch(r"3\.\d+-slim-\w+", python)
    assert "PIP_CONSTRAINT=/src/constraints.txt" in DOCKERFILE
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"python:${PYTHON}", "base", "build"}


def test_what_images_are_made_from_is_sent_to_the_builder_and_nothing_else() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    packages = {pattern.rstrip("*") for pattern in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert sent == packages | {
        PROJECT["readme"],
        "constraints.txt",
        "pyproject.toml",
        "docker/api.txt",
        "docker/joined",
        "docker/with-password",
    }
    for path in sent:
        assert (ROOT / path).exists(), path


def test_what_trains_reaches_no_database() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert {name for name, each in networks.items() if "cluster" in each} == {
        "ray-head",
        "ray-worker",
        "ray-worker-gpu",
        "coordinator",
    }
    assert {name for name, each in networks.items() if each == {"store", "cluster"}} == {"coordinator"}
    for name, service in SERVICES.items():
        if networks[name] == {"cluster"}:
            assert service["secrets"] == ["ray_token"]


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if "cluster" in each["networks"]])
def test_ray_wants_a_token_everywhere(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
    assert "ray_token" in SERVICES[name]["secrets"]


BYTES = {"mb": 2**20, "gb": 2**30}


@pytest.mark.parametrize("name", ["ray-head", "ray-worker", "ray-worker-gpu", "coordinator"])
def test_rays_object_store_fits_into_shared_memory(name: str) -> None:
    service = SERVICES[name]
    starts = (ROOT / "docker/joined").read_text() if service["command"][0] == "joined" else " ".join(service["command"])
    (store,) = re.findall(r"--object-store-memory=(\d+)\b", starts)
    size, unit = re.fullmatch(r"(\d+)(\w+)", service["shm_size"]).groups()  # type: ignore[union-attr]
    assert 75 * 2**20 <= int(store) <= 0.8 * int(size) * BYTES[unit]


def test_whoever_trains_shares_the_checkpoints() -> None:
    sharing = {name for name, each in SERVICES.items() if "lrsweep-data:/data" in each.get("volumes", ())}
    assert sharing == {"coordinator", "ray-worker", "ray-worker-gpu"}
    assert SERVICES["coordinator"]["environment"]["LRSWEEP_HOME"] == "/data"


def test_whoever_hands_sweeps_in_and_whoever_runs_them_go_by_the_same_rules() -> None:
    api, coordinator = (SERVICES[name]["environment"] for name in ("api", "coordinator"))
    for name in ("LRSWEEP_ALLOWED_TASKS", "LRSWEEP_ALLOWED_FOLDERS", "LRSWEEP_MLFLOW_URL"):
        assert api[name] == coordinator[name], name
    (port,) = SERVICES["mlflow"]["ports"]
    address, _, _ = interpolated(port).rpartition(":")
    assert interpolated(api["LRSWEEP_MLFLOW_URL"]) == f"http://{address}"


def test_gpus_are_asked_for_in_their_profile_alone() -> None:
    asking = {name for name, each in SERVICES.items() if "reservations" in each["deploy"]["resources"]}
    assert asking == {name for name, each in SERVICES.items() if each.get("profiles") == ["gpu"]} == {"ray-worker-gpu"}
    assert "ray-worker-gpu" not in {service.name for service in services()}


def test_variables_have_a_default_and_an_explanation() -> None:
    comments = "\n".join(line.partition("#")[2] for line in TEXT.splitlines() if "#" in line)
    # `$$` is a dollar sign.
    for name, default in re.findall(r"\$\{(\w+)([^}]*)\}", TEXT.replace("$$", "")):
        assert default.startswith(":-"), name
        assert name in comments, f"{name} is nowhere explained"


def test_secrets_stay_in_files_that_git_ignores() -> None:
    for name, secret in COMPOSE["secrets"].items():
        assert secret["file"] == f"docker/secrets/{name}"
        assert subprocess.run(["git", "check-ignore", "--quiet", secret["file"]], cwd=ROOT, check=False).returncode == 0
    for service in SERVICES.values():
        given = [name for name in service["environment"] if name.endswith(("PASSWORD", "TOKEN"))]
        assert not given


def test_mlflow_is_the_version_that_lrsweep_uses() -> None:
    (pinned,) = (need.partition("==")[2] for need in PROJECT["dependencies"] if need.startswith("mlflow=="))
    assert SERVICES["mlflow"]["image"] == f"ghcr.io/mlflow/mlflow:v{pinned}-full"
