"""How a command ends."""

import atexit
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Ends this process at once, when all that was registered for its end is done and its output has left.

    Python would first take apart, object by object, what torch has loaded, for a tenth of a second. The exit code is 1
    where output could not be written; that whoever read it has gone is no mistake of ours.
    """
    atexit._run_exitfuncs()
    # Python has None in the place of a stream that was closed before it began.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            continue
        except OSError as error:
            print(f"error: the output could not be written: {error.strerror}", file=sys.stderr)
            code = code or 1
    os._exit(code)
