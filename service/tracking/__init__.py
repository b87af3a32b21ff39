"""MLflow as a projection of the store: made by reading the store, so that it can always be made again."""
