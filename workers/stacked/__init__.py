"""The optimizers of many lanes at once: parameters [k, P], one row a lane, each row stepped as torch.optim would."""
