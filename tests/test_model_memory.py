"""Memory of models that a study has trained."""

import sys
import weakref

import keras
import pytest

import keras_vae as kv
from keras_vae.fast_fit import model_memory


def trained(x) -> kv.VAE:
    vae = kv.dense_vae("64-8-2", (8, 8), seed=0)
    vae.compile("adam", jit_compile=False)
    vae.fit(x, batch_size=20, verbose=0)
    return vae


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="concerns TensorFlow")
def test_a_model_and_its_graphs_are_freed_and_other_models_stay_usable(images):
    other = trained(images)
    kept = model_memory._custom_gradients()
    with model_memory.freed_afterwards():
        reference = weakref.ref(trained(images))
        assert model_memory._custom_gradients() > kept
    assert model_memory._custom_gradients() == kept
    assert reference() is None
    other.fit(images, batch_size=20, verbose=0)


def test_models_are_freed_where_tensorflow_keeps_no_registry(monkeypatch):
    monkeypatch.delitem(sys.modules, model_memory.REGISTRY_MODULE, raising=False)
    with model_memory.freed_afterwards():
        assert model_memory._registry() == {}
