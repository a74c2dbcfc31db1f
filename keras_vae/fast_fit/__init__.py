"""Training inside Keras' `fit`: ordered epochs, many steps per compiled call, and guarded uses of Keras' internals."""
