"""The HTTP API: one file a topic. Loads neither torch nor ray; what a spec names by path is judged by name alone."""
