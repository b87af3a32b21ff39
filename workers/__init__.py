"""The muscle of lrsweep: tasks, schedules, the training loop, and the places where it runs."""
