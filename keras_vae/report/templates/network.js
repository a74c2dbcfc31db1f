// Networks that run in the page, in float32: the layers described by keras_vae.networks, of decoder and encoder.
"use strict";

/** The bytes of a base 64 string. */
function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Half-precision numbers in base 64 (little endian) as a Float32Array. */
function float16Values(text) {
  const bits = new Uint16Array(bytesOf(text).buffer);
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15); // (the export has no infinities)
  });
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** The error function, within 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26). */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const polynomial = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce((sum, c) => (sum + c) * t, 0);
  return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
}

const ACTIVATIONS = {
  linear: null,
  relu: (x) => (x > 0 ? x : 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  leaky_relu: (x) => (x > 0 ? x : 0.2 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  sigmoid,
  tanh: Math.tanh,
};

/** From the decoder's output to the mean of the likelihood, by the kind of output that the export names. */
const OUTPUTS = {
  linear: (x) => x,
  sigmoid,
  "continuous-bernoulli": (x) =>
    Math.abs(x) < 0.1 ? 0.5 + x / 12 - x ** 3 / 720 : 1 / -Math.expm1(-x) - 1 / x,
};

const product = (shape) => shape.reduce((a, b) => a * b, 1);

function withBias(size, channels, bias) {
  const out = new Float32Array(size);
  if (bias) for (let i = 0; i < size; i += channels) out.set(bias, i);
  return out;
}

function activated(values, name) {
  const f = ACTIVATIONS[name];
  if (f) for (let i = 0; i < values.length; i++) values[i] = f(values[i]);
  return values;
}

// One function per kind of layer: (layer, input, input shape) => [output, output shape]. Shapes are
// [height, width, channels] or [units]; channels vary fastest.
const LAYERS = {
  dense(layer, input, shape) {
    const [kernel, bias] = layer.weights;
    const size = layer.size;
    const width = shape[shape.length - 1];
    const rows = input.length / width;
    const out = withBias(rows * size, size, bias);
    for (let r = 0; r < rows; r++) {
      const start = r * size;
      for (let i = 0; i < width; i++) {
        const value = input[r * width + i];
        if (value === 0) continue; // common after a ReLU
        for (let o = 0, k = i * size; o < size; o++, k++) out[start + o] += value * kernel[k];
      }
    }
    return [activated(out, layer.activation), [...shape.slice(0, -1), size]];
  },

  convolution(layer, input, [height, width, channels]) {
    const [kernel, bias] = layer.weights;
    const { filters, kernel: [kh, kw], strides: [sh, sw] } = layer;
    const same = layer.padding === "same";
    const rows = same ? Math.ceil(height / sh) : Math.floor((height - kh) / sh) + 1;
    const columns = same ? Math.ceil(width / sw) : Math.floor((width - kw) / sw) + 1;
    const top = same ? Math.max((rows - 1) * sh + kh - height, 0) >> 1 : 0;
    const left = same ? Math.max((columns - 1) * sw + kw - width, 0) >> 1 : 0;
    const out = withBias(rows * columns * filters, filters, bias);
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) {
      const to = (y * columns + x) * filters;
      for (let a = 0; a < kh; a++) for (let b = 0; b < kw; b++) {
        const iy = y * sh + a - top, ix = x * sw + b - left;
        if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
        const from = (iy * width + ix) * channels;
        for (let c = 0; c < channels; c++) {
          const value = input[from + c];
          if (value === 0) continue;
          let k = ((a * kw + b) * channels + c) * filters;
          for (let f = 0; f < filters; f++) out[to + f] += value * kernel[k++];
        }
      }
    }
    return [activated(out, layer.activation), [rows, columns, filters]];
  },

  transposed(layer, input, [height, width, channels]) {
    const [kernel, bias] = layer.weights;
    const { filters, kernel: [kh, kw], strides: [sh, sw] } = layer;
    const same = layer.padding === "same";
    const rows = height * sh + (same ? 0 : Math.max(kh - sh, 0));
    const columns = width * sw + (same ? 0 : Math.max(kw - sw, 0));
    const top = same ? Math.max(kh - sh, 0) >> 1 : 0;
    const left = same ? Math.max(kw - sw, 0) >> 1 : 0;
    const out = withBias(rows * columns * filters, filters, bias);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels;
      for (let a = 0; a < kh; a++) for (let b = 0; b < kw; b++) {
        const oy = y * sh + a - top, ox = x * sw + b - left;
        if (oy < 0 || ox < 0 || oy >= rows || ox >= columns) continue;
        const to = (oy * columns + ox) * filters;
        let k = (a * kw + b) * filters * channels;
        for (let f = 0; f < filters; f++) {
          let sum = 0;
          for (let c = 0; c < channels; c++) sum += input[from + c] * kernel[k++];
          out[to + f] += sum;
        }
      }
    }
    return [activated(out, layer.activation), [rows, columns, filters]];
  },

  crop(layer, input, [height, width, channels]) {
    const [[top, bottom], [left, right]] = layer.margins;
    const rows = height - top - bottom, columns = width - left - right;
    const out = new Float32Array(rows * columns * channels);
    for (let y = 0; y < rows; y++) {
      const from = ((y + top) * width + left) * channels;
      out.set(input.subarray(from, from + columns * channels), y * columns * channels);
    }
    return [out, [rows, columns, channels]];
  },

  pad(layer, input, [height, width, channels]) {
    const [[top, bottom], [left, right]] = layer.margins;
    const rows = height + top + bottom, columns = width + left + right;
    const out = new Float32Array(rows * columns * channels);
    for (let y = 0; y < height; y++) {
      const row = input.subarray(y * width * channels, (y + 1) * width * channels);
      out.set(row, ((y + top) * columns + left) * channels);
    }
    return [out, [rows, columns, channels]];
  },

  /** The largest or the mean value of each window; a window at the edge has fewer values. */
  pooling(layer, input, [height, width, channels]) {
    const { size: [kh, kw], strides: [sh, sw], mean } = layer;
    const same = layer.padding === "same";
    const rows = same ? Math.ceil(height / sh) : Math.floor((height - kh) / sh) + 1;
    const columns = same ? Math.ceil(width / sw) : Math.floor((width - kw) / sw) + 1;
    const top = same ? Math.max((rows - 1) * sh + kh - height, 0) >> 1 : 0;
    const left = same ? Math.max((columns - 1) * sw + kw - width, 0) >> 1 : 0;
    const out = new Float32Array(rows * columns * channels);
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) for (let c = 0; c < channels; c++) {
      let sum = 0, largest = -Infinity, n = 0;
      for (let iy = Math.max(y * sh - top, 0); iy < Math.min(y * sh - top + kh, height); iy++)
        for (let ix = Math.max(x * sw - left, 0); ix < Math.min(x * sw - left + kw, width); ix++) {
          const value = input[(iy * width + ix) * channels + c];
          sum += value;
          largest = Math.max(largest, value);
          n++;
        }
      out[(y * columns + x) * channels + c] = mean ? sum / n : largest;
    }
    return [out, [rows, columns, channels]];
  },

  /** The mean of each channel over all positions. */
  average(layer, input, [height, width, channels]) {
    const out = new Float32Array(channels);
    for (let i = 0; i < input.length; i++) out[i % channels] += input[i] / (height * width);
    return [out, layer.shape];
  },

  repeat(layer, input) {
    const out = new Float32Array(layer.n * input.length);
    for (let k = 0; k < layer.n; k++) out.set(input, k * input.length);
    return [out, [layer.n, input.length]];
  },

  /** A scale and a shift of each channel. */
  affine(layer, input, shape) {
    const [scale, shift] = layer.weights;
    return [input.map((value, i) => value * scale[i % scale.length] + shift[i % shift.length]), shape];
  },

  /** The values of each position less their mean, over their standard deviation, then a scale and a shift of each channel. */
  normalize(layer, input, shape) {
    const [scale, shift] = layer.weights;
    const n = shape[shape.length - 1];
    const out = new Float32Array(input.length);
    for (let start = 0; start < input.length; start += n) {
      let mean = 0, square = 0;
      for (let i = 0; i < n; i++) mean += input[start + i] / n;
      for (let i = 0; i < n; i++) square += (input[start + i] - mean) ** 2 / n;
      const factor = 1 / Math.sqrt(square + layer.epsilon);
      for (let i = 0; i < n; i++) out[start + i] = (input[start + i] - mean) * factor * scale[i] + shift[i];
    }
    return [out, shape];
  },

  reshape: (layer, input) => [input, layer.shape],
  activation: (layer, input, shape) => [activated(Float32Array.from(input), layer.activation), shape],
};

const withWeights = (layers) => layers.map((layer) => ({ ...layer, weights: layer.weights.map(float16Values) }));

/** Decodes with the layers of the model. */
class LayerDecoder {
  constructor(described, latentShape) {
    this.latentShape = latentShape;
    this.output = OUTPUTS[described.output];
    this.layers = withWeights(described.layers);
  }

  /** The decoder's output at a latent point, height × width × channels. */
  logits(z) {
    let values = z, shape = this.latentShape;
    for (const layer of this.layers) [values, shape] = LAYERS[layer.kind](layer, values, shape);
    return values;
  }

  /** The mean pixels at a latent point, 0 to 255, height × width × channels. */
  decode(z) {
    const values = this.logits(z);
    const pixels = new Uint8ClampedArray(values.length); // rounds and clamps
    for (let i = 0; i < pixels.length; i++) pixels[i] = 255 * this.output(values[i]);
    return pixels;
  }
}

/** Returns the nearest image of a grid over one or two units that was decoded in advance. */
class GridDecoder {
  constructor(grid, images) {
    Object.assign(this, grid); // limit, side, units
    this.images = images;
  }

  decode(z) {
    const index = (value) => {
      const i = Math.round(((value + this.limit) / (2 * this.limit)) * (this.side - 1));
      return Math.min(Math.max(i, 0), this.side - 1);
    };
    const column = index(z[this.units[0]]);
    const row = this.units.length > 1 ? this.side - 1 - index(z[this.units[1]]) : 0;
    return this.images[row * this.side + column];
  }
}

/** Encodes with the layers of the model, which may branch. */
class LayerEncoder {
  constructor(described, imageShape, total) {
    Object.assign(this, { ...described, imageShape, total });
    this.layers = withWeights(described.layers);
  }

  /** The posterior of an image, pixels from 0 to 1: mean and logVar (null without a density) of all units. */
  encode(image) {
    const computed = [];
    for (const layer of this.layers) {
      const [values, shape] = layer.input < 0 ? [image, this.imageShape] : computed[layer.input];
      computed.push(LAYERS[layer.kind](layer, values, shape));
    }
    const output = (index) => (index < 0 ? image : computed[index][0]);
    const logVar = this.log_var === null ? null : output(this.log_var);
    const isShared = logVar !== null && logVar.length === 1; // one variance for all units
    return { mean: output(this.mean), logVar: isShared ? new Float32Array(this.total).fill(logVar[0]) : logVar };
  }

  /** What the loss of an image consists of besides the reconstruction, in nats: a KL or a penalty; null if unknown. */
  penalty({ mean, logVar }) {
    if (!this.divergence) return null;
    let sum = 0;
    for (let i = 0; i < mean.length; i++) {
      sum += 0.5 * mean[i] * mean[i];
      if (this.divergence === "kl") sum += 0.5 * (Math.exp(logVar[i]) - 1 - logVar[i]);
    }
    return sum;
  }
}
