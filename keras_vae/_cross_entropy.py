"""Binary cross-entropy with logits; value and derivatives share one exponential."""

from keras import ops


@ops.custom_gradient
def cross_entropy(x, logits):
    """−x log λ − (1 − x) log(1 − λ) with λ = sigmoid(ℓ): log(1 + e^ℓ) − x ℓ; its derivative by ℓ is λ − x.

    Both come from the same e^−|ℓ|. Compiled by XLA, `ops.softplus` and its derivative take twice as long, a difference
    of a tenth of a dense model's whole step; and λ − x rounds the same way however XLA fuses it. The logarithm's error
    is float32's resolution at 1, 6e-8 nats a pixel, so the slower log1p would gain nothing in a sum over pixels.
    """
    e = ops.exp(-ops.abs(logits))

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        return -upstream * logits, upstream * (_sigmoid(e, logits) - x)

    return ops.maximum(logits, 0.0) + ops.log(1.0 + e) - x * logits, gradient


@ops.custom_gradient
def summed_cross_entropy(x, logits):
    """`cross_entropy` of `(batch, pixels)`, summed over pixels: `(batch,)`.

    One logarithm serves up to 16 pixels, since Σ log(1 + e^−|ℓ|) = log Π (1 + e^−|ℓ|), whose factors are at most 2.
    """
    e = ops.exp(-ops.abs(logits))
    pixels = x.shape[1]
    pixels_per_log = max(k for k in range(1, 17) if pixels % k == 0)
    products = ops.prod(ops.reshape(1.0 + e, (-1, pixels_per_log, pixels // pixels_per_log)), axis=1)
    value = ops.sum(ops.log(products), axis=1) + ops.sum(ops.maximum(logits, 0.0) - x * logits, axis=1)

    def gradient(*args, upstream=None):
        upstream = ops.expand_dims(args[0] if upstream is None else upstream, 1)
        return -upstream * logits, upstream * (_sigmoid(e, logits) - x)

    return value, gradient


def _sigmoid(e, logits):
    """sigmoid(ℓ) from e^−|ℓ|."""
    return ops.where(logits >= 0.0, 1.0, e) / (1.0 + e)
