"""The steps from a checkpoint to a registered model, planned and run as one."""
