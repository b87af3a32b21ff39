"""What a spec may name over HTTP: by a table of attempts, and by the spec that would do the harm."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.policy import CODE, FOLDERS, CodePattern, Policy
from sweeps.builtin import BUILTIN_TASKS
from sweeps.errors import UserError
from tests.service.api.conftest import SPEC, NewClient

ALLOWED = Policy.read({CODE: "shop.tasks:*, shop.extra:Lion ,labs.*:*", FOLDERS: "/data/images:/mnt/sets"})

NAMES = [
    *((name, "task", True) for name in BUILTIN_TASKS),
    (" digits ", "task", True),
    ("shop.tasks:Prices", "task", True),
    (" shop.tasks:Prices ", "task", True),
    ("labs:A", "optimizer", True),
    ("labs.vision.tasks:A", "task", True),
    ("shop.extra:Lion", "optimizer", True),
    ("shop.extra:half", "function", False),
    ("shop.tasks.below:A", "task", False),
    ("shop.tasksevil:A", "task", False),
    ("labsevil:A", "task", False),
    ("evil.shop.tasks:A", "task", False),
    ("os:system", "task", False),
    ("os:system", "function", False),
    ("builtins:eval", "optimizer", False),
    ("shop.tasks:A.B", "task", False),
    ("shop.tasks:A:system", "task", False),
    ("shop.tasks.py:Prices", "task", False),
    ("shop/tasks.py:Prices", "task", False),
    ("/etc/x.py:A", "optimizer", False),
    ("../x.py:A", "function", False),
    ("~nobodyatall/x.py:A", "task", False),
    ("service.store:Store", "task", False),
    ("\0:A", "task", False),
    ("", "task", False),
]


@pytest.mark.parametrize(("use", "noun", "allowed"), NAMES)
def test_names(use: str, noun: str, allowed: bool) -> None:
    mistake = ALLOWED.mistake(use, noun)
    assert (mistake is None) == allowed, mistake


@pytest.mark.parametrize(("use", "noun", "allowed"), NAMES)
def test_without_an_allow_list_there_are_built_in_tasks_alone(use: str, noun: str, allowed: bool) -> None:
    assert (Policy().mistake(use, noun) is None) == (use.strip() in BUILTIN_TASKS)


@pytest.mark.parametrize(
    "pattern", ["*", "*:*", "shop", "shop.tasks", "shop*:*", ".shop:*", "a b:*", "/x.py:*", "shop..a:*"]
)
def test_a_pattern_that_would_allow_too_much_or_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UserError, match=r"write shop\.tasks:\*"):
        CodePattern.read(pattern)


@pytest.mark.parametrize("folder", ["data", "/data/../etc"])
def test_a_folder_must_be_absolute(folder: str) -> None:
    with pytest.raises(UserError, match="must be absolute"):
        Policy.read({FOLDERS: folder})


def in_chain(path: str) -> dict[str, Any]:
    parts = [{"LambdaLR": {"lr_lambda": path}}, {"StepLR": {"step_size": 1}}]
    return {"SequentialLR": {"schedulers": parts, "milestones": [1]}}


PLACES = {
    "task": ({"task": "os:system"}, "task"),
    "task with arguments": ({"task": {"use": "os:system", "command": "id"}}, "task.use"),
    "optimizer": ({"optimizers": ["subprocess:Popen"]}, "optimizers[0]"),
    "function": ({"schedulers": [{"LambdaLR": {"lr_lambda": "os:system"}}]}, "schedulers[0].LambdaLR.lr_lambda"),
    "one of several": (
        {"schedulers": [{"LambdaLR": {"lr_lambda": ["0.9 ** epoch", "os:system"]}}]},
        "schedulers[0].LambdaLR.lr_lambda",
    ),
    "nested": ({"schedulers": [in_chain("os:system")]}, "schedulers[0].SequentialLR"),
    "nested file": ({"schedulers": [in_chain("x.py:f")]}, "schedulers[0].SequentialLR"),
    "of a group": (
        {
            "groups": {
                "head": {"parameters": "fc.*", "scheduler": {"LambdaLR": {"lr_lambda": "os:system"}}},
                "rest": {"parameters": "*"},
            }
        },
        "groups.head.scheduler",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_there_is_no_place_in_a_spec_for_code_that_nobody_allowed(new_client: NewClient, place: str) -> None:
    change, path = PLACES[place]
    answer = new_client(policy=ALLOWED).post("/api/v1/sweeps", json={**SPEC, **change})
    assert answer.status_code == 422, answer.text
    found = [problem for problem in answer.json()["problems"] if problem["path"].startswith(path)]
    assert found, answer.text
    assert CODE in found[0]["message"]


def test_allowed_code_need_not_be_here(new_client: NewClient) -> None:
    spec = {**SPEC, "task": "shop.tasks:Prices", "optimizers": [{"labs.optim:Lion": {"lr": 0.1}}]}
    assert new_client(policy=ALLOWED).post("/api/v1/sweeps", json=spec).status_code == 201


@pytest.mark.parametrize(
    ("folder", "status"),
    [
        ("/data/images", 201),
        ("/data/images/cats", 201),
        ("/data/images/../../etc", 422),
        ("/data/imagesevil", 422),
        ("/etc", 422),
        ("images", 422),
    ],
)
def test_a_task_reads_folders_that_are_allowed(new_client: NewClient, folder: str, status: int) -> None:
    spec = {**SPEC, "task": {"use": "images", "folder": folder}}
    assert new_client(policy=ALLOWED).post("/api/v1/sweeps", json=spec).status_code == status
    refused = new_client().post("/api/v1/sweeps", json=spec)
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "task.folder")
    assert FOLDERS in refused.json()["detail"]


@pytest.fixture
def store(tmp_path: Any) -> Any:
    """One kind of database is enough here."""
    from service.store import Store

    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        yield store


def test_no_other_argument_of_a_built_in_task_is_a_place_on_a_disk() -> None:
    said = {
        (task.name, name) for task in BUILTIN_TASKS.values() for name, arg in task.args.items() if "path" in arg.allowed
    }
    assert said == {("images", "folder")}


def test_a_name_with_spaces_around_it_is_the_same_task(new_client: NewClient) -> None:
    for folder in ("/etc", ["/etc"]):
        spec = {**SPEC, "task": {"use": " images ", "folder": folder}}
        assert new_client(policy=ALLOWED).post("/api/v1/sweeps", json=spec).status_code == 422


def test_nothing_that_a_spec_names_is_imported(new_client: NewClient, tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tasks.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "shop" / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    spec = {**SPEC, "task": "shop.tasks:Prices"}
    client: TestClient = new_client(policy=ALLOWED)
    assert client.post("/api/v1/sweeps", json=spec).status_code == 201
    assert client.get("/api/v1/sweeps/last").status_code == 200
    assert client.get("/api/v1/sweeps/last/picks").status_code == 200
