"""Callbacks that send a training to TensorBoard or MLflow, and finished runs as well."""

from keras_vae.trackers.mlflow_tracker import MLflowTracker
from keras_vae.trackers.tensorboard_tracker import TensorBoardTracker

__all__ = ["MLflowTracker", "TensorBoardTracker"]
