// Negative log-likelihoods of images given a decoder's logits, in nats per image: those of keras_vae.likelihoods.
"use strict";

const SERIES_BELOW = 0.1; // as in ContinuousBernoulli

/** −log p(x | logits) of a pixel in nats: max(ℓ, 0) − ℓ x + log(1 + e^−|ℓ|). */
const bernoulliLoss = (x, logit) => Math.max(logit, 0) - logit * x + Math.log1p(Math.exp(-Math.abs(logit)));

// By the likelihood's name: (pixel in [0, 1], logit, std) => nats.
const PIXEL_LOSSES = {
  bernoulli: bernoulliLoss,
  "continuous-bernoulli": (x, logit) => {
    const logConstant = Math.abs(logit) < SERIES_BELOW
      ? Math.LN2 + logit ** 2 / 12 - (7 * logit ** 4) / 1440
      : Math.log(logit / Math.tanh(logit / 2));
    return bernoulliLoss(x, logit) - logConstant;
  },
  gaussian: (x, mean, std) => 0.5 * ((x - mean) / std) ** 2 + Math.log(std) + 0.5 * Math.log(2 * Math.PI),
};

/** The reconstruction loss of an image, pixels from 0 to `white`, in nats; null for a likelihood that this page does not know. */
function reconstructionLoss(likelihood, image, logits, white = 1) {
  const pixelLoss = likelihood && PIXEL_LOSSES[likelihood.name];
  if (!pixelLoss || !logits || image.length !== logits.length) return null;
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += pixelLoss(image[i] / white, logits[i], likelihood.std);
  return sum;
}
