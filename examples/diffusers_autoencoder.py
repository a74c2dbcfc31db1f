"""The posterior of an `AutoencoderKL` of Hugging Face diffusers: encodings for an audit, and a recorded trajectory.

The latent space is spatial, `(channels, height, width)`. Every channel at every place is a latent unit here: the units
are flattened, 4 × 4 × 4 = 64 of them. The weights are random and small, so that nothing is downloaded; with
`AutoencoderKL.from_pretrained(…)` the rest stays as it is. In latent diffusion models the KL has a weight of about
10⁻⁶, so that q(z) is far from N(0, I): it is not the prior from which images are generated.

    pip install diffusers scikit-learn
    python examples/diffusers_autoencoder.py --steps 30 --out digits-diffusers
    keras-vae evaluate digits-diffusers/encodings.npz
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from sklearn.datasets import load_digits

import keras_vae as kv

KL_WEIGHT = 1e-6


def main(steps: int, out: Path) -> None:
    torch.manual_seed(0)
    digits = load_digits()
    x = torch.tensor(digits.images / 8 - 1, dtype=torch.float32)[:, None]  # (n, 1, 8, 8) in [−1, 1]
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    vae = AutoencoderKL(1, 1, block_out_channels=(16, 32), norm_num_groups=8, latent_channels=4, **blocks)
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)

    def encode(x):
        with torch.no_grad():
            posterior = vae.encode(x).latent_dist
        return posterior.mean, posterior.logvar  # (n, 4, 4, 4); the recorder flattens the units

    recorder = kv.Recorder(encode, x[:60], digits.target[:60], units=[0, 1])
    recorder.record(0, 0)
    for step in range(1, steps + 1):
        batch = x[torch.randint(len(x), (64,))]
        posterior = vae.encode(batch).latent_dist
        reconstruction = vae.decode(posterior.sample()).sample
        loss = (reconstruction - batch).square().mean() + KL_WEIGHT * posterior.kl().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.record(step, step * 64 / len(x))

    out.mkdir(parents=True, exist_ok=True)
    mean, log_var = (tensor.numpy() for tensor in encode(x))
    np.savez(out / "encodings.npz", mean=mean, log_var=log_var, labels=digits.target, x=digits.images / 16)
    print(kv.video.write(recorder.trajectory, out / "latent.mp4", title="AutoencoderKL, two of its units"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("digits-diffusers"))
    main(**vars(parser.parse_args()))
