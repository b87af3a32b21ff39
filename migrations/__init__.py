"""How the tables came to be, one revision after another. `python -m migrations WHAT` begins the next one."""
