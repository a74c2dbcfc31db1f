// Small helpers of the explorer's scripts, and sprites: images tiled into one picture.
"use strict";

const byId = (id) => document.getElementById(id);
const twoDecimals = (value) => value.toFixed(2).replace("-", "−");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const cycle = (label, n) => (((label ?? 0) % n) + n) % n; // labels may be negative
const lastAtMost = (ascending, limit) => ascending.filter((value) => value <= limit).length - 1; // index of the last such value
const isShown = (element) => Boolean(element && element.getClientRects().length);

function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** A new element with properties and children. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A vector, bytes, as the pixels of a chart of bars: as keras_vae.runs.pictures draws the vectors of test images. */
function barChart(values, width, height, { columns, bars, step, is_signed, half, line, margin }) {
  const pixels = new Uint8ClampedArray(width * height);
  for (let b = 0; b < bars; b++) {
    const start = Math.floor((b * columns) / bars), end = Math.floor(((b + 1) * columns) / bars);
    let sum = 0;
    for (let i = start; i < end; i++) sum += values[i] / 255;
    const value = sum / (end - start);
    const length = (2 * value - 1) * half;
    for (let row = 0; row < height; row++) {
      const above = half - row; // from the line in the middle
      let ink = clamp(value * height - (height - 1 - row), 0, 1);
      if (is_signed) ink = Math.sign(length) === Math.sign(above) ? clamp(Math.abs(length) - Math.abs(above) + 1, 0, 1) : 0;
      for (let x = 0; x < step; x++) {
        const isGap = step > 2 && x === step - 1;
        const isLine = is_signed && above === 0;
        pixels[row * width + margin + b * step + x] = 255 * (isLine ? line : isGap ? 0 : ink);
      }
    }
  }
  return pixels;
}

/** Images tiled into one picture; `draw` copies one of them to a canvas at its own size. */
class Sprite {
  constructor({ src, columns }, width, height) {
    Object.assign(this, { columns, width, height, picture: new Image() });
    this.ready = new Promise((done, fail) => {
      this.picture.onload = done;
      this.picture.onerror = () => fail(new Error("an image of the explorer cannot be decoded"));
    });
    this.picture.src = src;
  }

  offset(i) {
    return [(i % this.columns) * this.width, Math.floor(i / this.columns) * this.height];
  }

  draw(context, i) {
    context.drawImage(this.picture, ...this.offset(i), this.width, this.height, 0, 0, this.width, this.height);
  }

  /** The pixels of images `first` to `first + n - 1`, each height × width × channels. */
  pixels(n, channels, first = 0) {
    const canvas = element("canvas", { width: this.width, height: this.height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    return Array.from({ length: n }, (_, k) => {
      this.draw(context, first + k);
      const { data } = context.getImageData(0, 0, this.width, this.height);
      const image = new Uint8ClampedArray(this.width * this.height * channels);
      for (let p = 0; p < this.width * this.height; p++)
        for (let c = 0; c < channels; c++) image[p * channels + c] = data[4 * p + c];
      return image;
    });
  }
}
