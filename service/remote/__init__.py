"""A server of the HTTP API as commands see it: the same archive as a store, over `--server URL`."""
