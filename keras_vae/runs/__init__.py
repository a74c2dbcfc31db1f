"""The run folder: training into it, checkpoints, reading and writing."""
