"""Run folders: training, checkpoints, reading and writing of their files."""
