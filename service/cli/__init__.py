"""The command line: one file a topic, heavy imports inside the commands, so that help and listings answer at once."""
