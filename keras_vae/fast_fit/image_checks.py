"""Checks of the values of images before a model trains on them or is evaluated: the support of its likelihood."""

import contextlib
import itertools
import types
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae._utils.items import Items
from keras_vae.fast_fit.support import Support


def checked(name: str, data: Any, support: Support) -> Any:
    """Data for `fit` or `evaluate` whose images are checked as far as that is possible without changing it.

    Arrays and tensors are checked as a whole; of a `PyDataset` and a generator the first batch; a `tf.data.Dataset`
    checks every batch as it is drawn (see `refusals`). For other data a warning is issued.

    Returns:
        The data to use in place of `data`: the same, except for generators and `tf.data`.

    Raises:
        InputError: if images are outside the support.
    """
    if data is None:
        return None
    if isinstance(data, types.GeneratorType):
        return _checked_generator(name, data, support)
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches != 0:
            check_arrays(name, keras.utils.unpack_x_y_sample_weight(data[0])[0], support)
        return data
    if is_tf_dataset(data):
        from keras_vae.fast_fit.tensorflow import dataset_with_check

        return dataset_with_check(data, support)
    if not check_arrays(name, data, support):
        warnings.warn(
            f"{name}: the values of a {type(data).__name__} are not checked; the model needs {support.requirement}.",
            stacklevel=4,
        )
    return data


def check_arrays(name: str, data: Any, support: Support) -> bool:
    """Checks arrays and tensors, alone or in lists and dictionaries; False if there is something else among them.

    Raises:
        InputError: if images are outside the support.
    """
    found = True
    for part in keras.tree.flatten(data):
        if isinstance(part, Items):
            support.check(name, part.limits)
        elif ops.is_tensor(part):
            support.check(name, ops.convert_to_numpy(part))
        elif hasattr(part, "__array__") or isinstance(part, (int, float)):
            support.check(name, np.asarray(part))
        else:
            found = False
    return found


def check_validation_data(data: Any, support: Support) -> Any:
    """`validation_data` of `fit`, checked as by `checked`: a tuple of arrays, or data of any other kind."""
    if isinstance(data, (tuple, list)) and data:
        return type(data)([checked("validation_data", data[0], support), *data[1:]])
    return checked("validation_data", data, support)


def is_tf_dataset(data: Any) -> bool:
    """Whether data is a `tf.data.Dataset`; TensorFlow need not be installed."""
    return any(cls.__module__.startswith("tensorflow.") and cls.__name__ == "DatasetV2" for cls in type(data).__mro__)


@contextlib.contextmanager
def refusals(data: Sequence[Any], support: Support | None) -> Iterator[None]:
    """Context in which a `tf.data.Dataset` of `checked` that meets images outside the support raises `InputError`."""
    if support is None or not any(map(is_tf_dataset, data)):
        yield
        return
    from keras_vae.fast_fit.tensorflow import failed_check

    with failed_check(support):
        yield


def _checked_generator(name: str, batches: Iterator, support: Support) -> Iterator:
    first = list(itertools.islice(batches, 1))
    for batch in first:
        check_arrays(name, keras.utils.unpack_x_y_sample_weight(batch)[0], support)
    return _chained(first, batches)


def _chained(*parts) -> Iterator:  # a generator, since Keras does not take `itertools.chain`
    for part in parts:
        yield from part
