"""Data sets: loading, checks, and scaling."""
