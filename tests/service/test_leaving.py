"""A command's process ends at once, and nothing that it said or had to do is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def left(last_words: str, *, stdout: int | None = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    code = f"import atexit, os, sys, threading, time\nfrom service.leaving import leave\n{last_words}"
    # Some have every word written at once, where this is about what waits to be written.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-c", code],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )


def test_its_output_and_what_was_registered_for_its_end_are_whole() -> None:
    done = left("atexit.register(lambda: print('registered'))\nprint('said' * 9999)\nleave(3)")
    assert (done.returncode, done.stdout) == (3, f"{'said' * 9999}\nregistered\n")


def test_threads_that_hang_do_not_keep_it() -> None:
    assert left("threading.Thread(target=time.sleep, args=(999,)).start()\nleave(0)").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_output_that_could_not_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = left("print('said')\nleave(0)", stdout=full.fileno())
    assert (done.returncode, done.stderr) == (1, "error: the output could not be written: No space left on device\n")


def test_a_reader_that_has_gone_is_none() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = left("print('said')\nleave(0)", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_stream_that_was_never_there_is_none(closed: str) -> None:
    done = left(f"sys.{closed} = None\nleave(0)")
    assert (done.returncode, done.stderr) == (0, "")
