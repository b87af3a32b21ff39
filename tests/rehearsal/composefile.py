"""docker-compose.yml as Compose would read it: variables at their defaults, services in the order of their start."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a service runs; `check` is empty where the file has none."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    check: tuple[str, ...]
    own_image: bool
    waits_for: Mapping[str, str]
    """Services by name, with the condition that each must meet."""


def interpolated(text: str) -> str:
    """The text with `${NAME:-default}` and `$$` as Compose reads them where no variable is set.

    >>> interpolated("$$HOME ${URL:-http://127.0.0.1:${PORT:-5000}}")
    '$HOME http://127.0.0.1:5000'
    """
    substituted = 1
    while substituted:
        text, substituted = re.subn(r"\$\{\w+:-([^${}]*)\}", r"\1", text)
    return text.replace("$$", "$")


COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)


def is_own(image: str) -> bool:
    """Whether docker/Dockerfile makes the image.

    >>> is_own("lrsweep-api:0.1.0"), is_own("ghcr.io/mlflow/mlflow:v3.17.2-full")
    (True, False)
    """
    return image.startswith(COMPOSE["name"])


def services() -> Iterator[Service]:
    """The services that start without a profile, those that others wait for first."""
    active = {name: each for name, each in COMPOSE["services"].items() if "profiles" not in each}
    order = TopologicalSorter({name: each.get("depends_on", {}).keys() for name, each in active.items()})
    for name in order.static_order():
        yield _service(name, active[name])


def _service(name: str, described: Mapping[str, Any]) -> Service:
    kind, *check = described.get("healthcheck", {}).get("test", ["CMD"])
    assert kind == "CMD"
    return Service(
        name=name,
        command=tuple(interpolated(word) for word in described.get("command", ())),
        environment={key: interpolated(value) for key, value in described.get("environment", {}).items()},
        check=tuple(interpolated(word) for word in check),
        own_image=is_own(described["image"]),
        waits_for={other: each["condition"] for other, each in described.get("depends_on", {}).items()},
    )


def commented(pattern: str) -> str:
    """What the one group of a pattern finds in a line of the comments at the file's head."""
    (found,) = re.findall(rf"^#\s+{pattern}$", TEXT, flags=re.MULTILINE)
    return str(found)
