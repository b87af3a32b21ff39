"""What is loaded for good is not searched for garbage; what is thrown away later still is."""

import subprocess
import sys

SCRIPT = """
import gc
from service.collecting import collect_seldom, loading
started = []
gc.callbacks.append(lambda phase, info: started.append(info) if phase == "start" else None)

def make(count):
    return [[each] for each in range(count)]

def cycle():
    one = Node()
    one.itself = one

class Node:
    left = []
    def __del__(self):
        self.left.append(self)
"""


def said_by(script: str) -> list[str]:
    """The lines that a process of its own prints: how it collects is the whole process's affair."""
    done = subprocess.run([sys.executable, "-c", SCRIPT + script], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_nothing_is_searched_while_loading_nor_is_it_afterwards() -> None:
    script = """
collect_seldom()
with loading():
    kept = make(200_000)
print(len(started), gc.isenabled(), gc.get_freeze_count() > 200_000)
gc.collect()
print(len(gc.get_objects()) < 100_000)
cycle()
gc.collect()
print(len(Node.left))
"""
    assert said_by(script) == ["0 True True", "True", "1"]


def test_it_ends_where_loading_fails() -> None:
    script = """
collect_seldom()
try:
    with loading():
        import no_such_module
except ImportError:
    print(gc.isenabled())
"""
    assert said_by(script) == ["True"]


def test_another_programs_garbage_is_left_to_it() -> None:
    script = """
for change in (lambda: None, lambda: (collect_seldom(), gc.disable())):
    change()
    was = gc.isenabled()
    with loading():
        print(gc.isenabled() is was)
    print(gc.isenabled() is was, gc.get_freeze_count())
"""
    assert said_by(script) == ["True", "True 0", "True", "True 0"]
