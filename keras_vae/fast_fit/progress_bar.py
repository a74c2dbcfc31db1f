"""Keras' progress bar for epochs whose last call takes fewer steps than the others."""

from collections.abc import Sequence

import keras


class EpochBar(keras.callbacks.ProgbarLogger):
    """Keras' bar, which would count the steps of a whole call at the end of an epoch, "500/469"."""

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch if self.target is None else min(batch, self.target - 1), logs)


def with_bar(callbacks: Sequence[keras.callbacks.Callback], verbose) -> list[keras.callbacks.Callback]:
    """The callbacks of `fit` and, where Keras would add its bar, an `EpochBar`."""
    has_bar = any(isinstance(callback, keras.callbacks.ProgbarLogger) for callback in callbacks)
    return [*callbacks] if has_bar or not verbose else [*callbacks, EpochBar()]
