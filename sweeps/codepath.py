"""Code of the user's own by its path: `package.module:name` or `path/to/file.py:name`."""

import re

_PATH = re.compile(r"([^\W\d]\w*(\.[^\W\d]\w*)*|[^\n]+\.py):[^\W\d]\w*")


def is_path(name: str) -> bool:
    """True if the name is a class or function by its path: of a module, or of a file. No expression looks like one.

    >>> is_path("mypkg.opt:Lion"), is_path("my/opt.py:Lion"), is_path("AdamW"), is_path("mypkg.opt.Lion")
    (True, True, False, False)
    """
    return _PATH.fullmatch(name) is not None
