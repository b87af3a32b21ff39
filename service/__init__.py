"""The face and the memory of lrsweep: SQL store, MLflow tracking, command line."""
