"""A faster train function for Keras' `fit`: the only place that touches the internals of Keras and TensorFlow."""
