"""`python -m migrations WHAT` writes the next revision: what the models have and the last one lacks.

Read and mend what it wrote, add its number to `REVISIONS` in service/store/schema.py, and keep a database
file of the revision before in tests/service/store/data.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command

from migrations.config import config
from service.store.engine import connect, parse, writing
from service.store.schema import REVISIONS


def main(message: str) -> None:
    """Compares an empty store at the last revision with the models."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'empty.db'}"
        engine = connect(parse(url), foreign_keys=False)
        with writing(engine).begin() as connection:
            number = f"{len(REVISIONS) + 1:04}"
            command.upgrade(config(connection), "head")
            command.revision(config(connection), message, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
