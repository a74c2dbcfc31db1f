"""TensorFlow only: what spares it calls into Python."""

import math

import numpy as np
import tensorflow as tf


def ordered_dataset(arrays: tuple[np.ndarray, ...], batch_size: int):
    """`(dataset, set_order)`: see `batches.ordered`.

    Keras would hand a PyDataset to tf.data as a generator, and Python threads would wait for each other.
    """
    n = len(arrays[0])
    with tf.device("CPU:0"):
        tensors = [tf.convert_to_tensor(array) for array in arrays]
        order = tf.Variable(np.arange(n), trainable=False)

    def batch(i):
        rows = order[i * batch_size : tf.minimum((i + 1) * batch_size, n)]
        return tuple(tf.gather(tensor, rows) for tensor in tensors)

    dataset = tf.data.Dataset.range(math.ceil(n / batch_size)).map(batch)
    return dataset.prefetch(4), order.assign


def compiled_encoder(encoder, x: np.ndarray):
    """A function that gives the encoder's outputs for `x`, traced once, with `x` inside the graph."""
    with tf.device("CPU:0"):
        x = tf.convert_to_tensor(x)
    return tf.function(lambda: encoder(x, training=False))
