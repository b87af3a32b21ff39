"""Many lanes of one model trained as one: stacked parameters, one vmapped forward and backward."""
