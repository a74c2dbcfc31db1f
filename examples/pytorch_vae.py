"""A VAE in plain PyTorch on scikit-learn's digits: a recorded trajectory as a video, and encodings for an audit.

pip install torch scikit-learn
python examples/pytorch_vae.py --epochs 60 --out digits
keras-vae evaluate digits/encodings.npz
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import keras_vae as kv


class VAE(nn.Module):
    def __init__(self, units: int = 2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2 * units))
        self.decoder = nn.Sequential(nn.Linear(units, 128), nn.ReLU(), nn.Linear(128, 64))

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)  # mean, log_var

    def loss(self, x):
        mean, log_var = self.encode(x)
        logits = self.decoder(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
        reconstruction = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum()
        return (reconstruction + kl) / len(x)  # nats per image


def main(epochs: int, out: Path) -> None:
    torch.manual_seed(0)
    digits = load_digits()
    x, y = torch.tensor(digits.data / 16, dtype=torch.float32), digits.target
    vae = VAE()
    optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
    batches = torch.utils.data.DataLoader(x, batch_size=128, shuffle=True)

    recorder = kv.Recorder(vae.encode, x[:60], y[:60])
    recorder.record(0, 0)
    step = 0
    for _ in range(epochs):
        for batch in batches:
            optimizer.zero_grad()
            vae.loss(batch).backward()
            optimizer.step()
            step += 1
            recorder.record(step, step / len(batches))

    out.mkdir(parents=True, exist_ok=True)
    mean, log_var = (tensor.detach().numpy() for tensor in vae.encode(x))
    np.savez(out / "encodings.npz", mean=mean, log_var=log_var, labels=y, x=digits.images / 16)
    print(kv.video.write(recorder.trajectory, out / "latent.mp4", title="A VAE in PyTorch"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("digits"))
    main(**vars(parser.parse_args()))
