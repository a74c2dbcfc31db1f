// Small helpers of the explorer's scripts, and sprites: images tiled into one picture.
"use strict";

const byId = (id) => document.getElementById(id);
const twoDecimals = (value) => value.toFixed(2).replace("-", "−");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const cycle = (label, n) => (((label ?? 0) % n) + n) % n; // labels may be negative
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
