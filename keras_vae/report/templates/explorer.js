// The latent space explorer of a run page: draws the latent plane and decodes its points in the browser.
"use strict";

const RING_SIGMAS = [1, 2, 3];
const INTERPOLATION_IMAGES = 9;
const MANIFOLD_CELLS = 18; // decoded images along a side of the plane
const DENSITY_CELLS = 128; // along a side of the grid on which q(z) is evaluated
const PRIOR_CELLS = 96; // likewise for the prior
const MAX_DECODING_MS = 9; // per animation frame
const PLAYBACK_SECONDS = 9;
const PICK_RADIUS_PX = { mouse: 12, touch: 24, pen: 16 };
const KEYBOARD_PICK_RADIUS_PX = 60;
const MIN_DRAG_PX = 8;
const ANNOUNCEMENT_DELAY_MS = 350;
const MAX_PIXEL_DIFFERENCE = 2; // of 255, between this page and the model: float16 weights and rounding

const byId = (id) => document.getElementById(id);
const twoDecimals = (value) => value.toFixed(2).replace("-", "−");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const cycle = (label, n) => (((label ?? 0) % n) + n) % n; // labels may be negative

function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
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

  /** The pixels of the first n images, height × width × channels. */
  pixels(n, channels) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.picture.width, this.picture.height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.picture, 0, 0);
    return Array.from({ length: n }, (_, i) => {
      const { data } = context.getImageData(...this.offset(i), this.width, this.height);
      const image = new Uint8ClampedArray(this.width * this.height * channels);
      for (let p = 0; p < this.width * this.height; p++)
        for (let c = 0; c < channels; c++) image[p * channels + c] = data[4 * p + c];
      return image;
    });
  }
}

// Labels of similar colours have markers of different shapes; each function traces a marker around (x, y).
const MARKERS = {
  circle: (c, x, y, r) => c.arc(x, y, r, 0, 2 * Math.PI),
  square: (c, x, y, r) => c.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r),
  triangle: (c, x, y, r) => polygon(c, x, y, 1.25 * r, 3, -Math.PI / 2),
  diamond: (c, x, y, r) => polygon(c, x, y, 1.25 * r, 4, 0),
  wedge: (c, x, y, r) => polygon(c, x, y, 1.25 * r, 3, Math.PI / 2),
};

function polygon(context, x, y, r, corners, turn) {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (2 * Math.PI * i) / corners;
    context[i ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  context.closePath();
}

/** Posteriors of images: means of `units`, log variances of `logVarUnits` (or none), labels (or none). */
class Encodings {
  constructor({ mean, logVar, labels, count }, units, logVarUnits = units) {
    Object.assign(this, { count, labels });
    this.column = new Map(units.map((unit, i) => [unit, i]));
    this.logVarColumn = new Map(logVarUnits.map((unit, i) => [unit, i]));
    this.mean = float16Values(mean);
    this.logVar = logVar && float16Values(logVar);
  }

  at(i, unit, frame = 0) {
    return this.mean[(frame * this.count + i) * this.column.size + this.column.get(unit)];
  }

  std(i, unit, frame = 0) {
    return Math.exp(0.5 * this.logVar[(frame * this.count + i) * this.logVarColumn.size + this.logVarColumn.get(unit)]);
  }
}

class Explorer {
  constructor(data) {
    const { height, width } = data.image;
    this.data = data;
    this.total = data.latentShape.reduce((a, b) => a * b, 1);
    const allUnits = Array.from({ length: this.total }, (_, i) => i);
    this.points = new Encodings(data.points, allUnits, data.units);
    this.images = new Sprite(data.points.sprite, width, height);
    this.recorded = data.trajectory && new Encodings(data.trajectory, data.trajectory.units);
    this.recordedImages = data.trajectory && data.trajectory.sprite && new Sprite(data.trajectory.sprite, width, height);
    this.grid = data.grid && new Sprite(data.grid.sprite, width, height);
    this.reconstructions = data.points.reconstructions && new Sprite(data.points.reconstructions, width, height);
    this.z = new Float32Array(this.total);
    const first = data.units.slice(0, 2).sort((a, b) => a - b);
    this.axes = [first[0], first.length > 1 ? first[1] : null]; // a latent space of one unit has no second axis
    // Vertical positions in a latent space of one unit: the golden ratio spreads points evenly.
    this.jitter = Float32Array.from(allUnits.length > 1 ? [] : { length: this.points.count }, (_, i) => ((i * 0.618034) % 1) * 1.6 - 0.8);
    this.background = "prior";
    this.showsPoints = true;
    this.label = null; // the selected label
    this.hovered = null; // index of the point under the pointer
    this.selected = null; // index of the selected point
    this.path = null; // interpolation path: {from, to}, each {xy, z, point}
    this.frame = null; // recorded frame that is shown; null for the trained model
    this.dirty = new Set(); // parts of the page that the next animation frame redraws
  }

  async start() {
    await Promise.all([this.images, this.recordedImages, this.grid, this.reconstructions].map((sprite) => sprite && sprite.ready));
    const { data } = this;
    this.history = data.trajectory && new DecoderHistory(this);
    await this.history?.ready;
    if (data.decoder) {
      this.decoder = new LayerDecoder(data.decoder, data.latentShape);
    } else {
      const side = data.grid.side;
      const n = data.grid.units.length > 1 ? side * side : side;
      this.decoder = new GridDecoder(data.grid, this.grid.pixels(n, data.image.channels));
    }
    this.trainedDecoder = this.decoder;
    this.checkDecoder();
    this.findElements();
    this.setLimits();
    this.listen();
    this.makeLegend();
    this.makeSliders();
    this.makeEpochSlider();
    new ResizeObserver(() => this.resize()).observe(this.plane);
    this.resize();
    this.invalidate("image", "near");
    if (this.data.drawing && !this.data.drawing.obstacle) this.pad = new DrawingPad(this);
  }

  /** Replaces the decoder of all decoded images. */
  setDecoder(decoder) {
    if (decoder === this.decoder) return;
    this.decoder = decoder;
    if (this.manifold) this.manifold.done = 0; // its images are replaced one after the other
    if (this.path) this.path.drawn = 0;
    this.invalidate("image", "near", "strip");
    if (this.background === "manifold") this.invalidate("back");
  }

  /** Shows the posterior of a drawn image, {mean, std, z, color}, in the plane of the trained model; null hides it. */
  showPosterior(drawn) {
    this.drawn = drawn;
    if (drawn && this.frame !== null) {
      this.stop();
      this.setFrame(null);
    }
    this.invalidate("front");
  }

  findElements() {
    this.plane = byId("plane");
    [this.back, this.front] = this.plane.querySelectorAll("canvas");
    this.picture = byId("decoded");
    for (const canvas of [this.picture, byId("near-image"), byId("near-reconstruction")])
      [canvas.width, canvas.height] = [this.data.image.width, this.data.image.height];
    const strip = byId("strip");
    [strip.width, strip.height] = [INTERPOLATION_IMAGES * this.data.image.width, this.data.image.height];
    this.stripHint = byId("strip-text").textContent;
  }

  /** Compares pixels at some latent points with those of the model, and shows the largest difference. */
  checkDecoder() {
    if (!this.data.check) return;
    const z = new Float32Array(bytesOf(this.data.check.z).buffer);
    const expected = bytesOf(this.data.check.images);
    const n = z.length / this.total;
    const size = expected.length / n;
    let largest = 0;
    for (let k = 0; k < n; k++) {
      const pixels = this.decoder.decode(z.subarray(k * this.total, (k + 1) * this.total));
      for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(pixels[i] - expected[k * size + i]));
    }
    this.difference = largest;
    byId("check").textContent =
      largest > MAX_PIXEL_DIFFERENCE
        ? `Warning: in this browser, decoded pixels differ from the model's by up to ${largest} of 255.`
        : `Decoder checked in this browser: at ${n} random points its pixels differ from the model's by at most ${largest} of 255.`;
  }

  // -- coordinates ----------------------------------------------------------------------------------------

  /** Sets half the side of the view, for the means of test images and for the recorded training. */
  setLimits() {
    const reach = [];
    for (let i = 0; i < this.points.count; i++)
      for (const unit of this.axes) if (unit !== null) reach.push(Math.abs(this.points.at(i, unit)));
    this.trainedLimit = Math.max(2.4, 1.08 * quantile(reach, 0.998));
    this.recordedLimit = this.trainedLimit;
    if (!this.isRecorded()) return;
    const frames = this.data.trajectory.epochs.map((_, f) => {
      let farthest = 0;
      for (let i = 0; i < this.recorded.count; i++)
        for (const unit of this.axes) if (unit !== null) farthest = Math.max(farthest, Math.abs(this.recorded.at(i, unit, f)));
      return farthest;
    });
    this.recordedLimit = Math.max(this.trainedLimit, 1.06 * quantile(frames, 0.85));
  }

  get limit() {
    return this.frame === null ? this.trainedLimit : this.recordedLimit;
  }

  isRecorded() {
    return Boolean(this.recorded) && this.axes.every((unit) => unit === null || this.recorded.column.has(unit));
  }

  toScreen([x, y]) {
    const half = this.size / 2;
    return [half + (x / this.limit) * half, half - (y / this.limit) * half];
  }

  toLatent([x, y]) {
    const half = this.size / 2;
    return [((x - half) / half) * this.limit, ((half - y) / half) * this.limit];
  }

  /** The coordinates of a point in the plane. */
  pointXY(i) {
    const encodings = this.frame === null ? this.points : this.recorded;
    const frame = this.frame ?? 0;
    const y = this.axes[1] === null ? this.jitter[i % this.jitter.length] * this.limit : encodings.at(i, this.axes[1], frame);
    return [encodings.at(i, this.axes[0], frame), y];
  }

  deviations(i) {
    const encodings = this.frame === null ? this.points : this.recorded;
    if (!encodings.logVar) return null;
    return this.axes.map((unit) => (unit === null ? 0 : encodings.std(i, unit, this.frame ?? 0)));
  }

  labelOf(i) {
    const labels = this.frame === null ? this.points.labels : this.recorded.labels;
    return labels ? labels[i] : null;
  }

  /** The text of a label: the name of its class, where the labels have names. */
  textOf(label) {
    return this.data.classNames?.[label] ?? String(label);
  }

  color(label) {
    return this.data.colors[cycle(label, this.data.colors.length)];
  }

  shape(label) {
    return MARKERS[this.data.shapes[cycle(label, this.data.shapes.length)]];
  }

  /** The posterior mean of a test image over all units. */
  meanOf(i) {
    return this.points.mean.slice(i * this.total, (i + 1) * this.total);
  }

  /** The latent coordinates of the cursor. */
  cursorXY() {
    return [this.z[this.axes[0]], this.axes[1] === null ? 0 : this.z[this.axes[1]]];
  }

  moveTo([x, y]) {
    this.z[this.axes[0]] = x;
    if (this.axes[1] !== null) this.z[this.axes[1]] = y;
    this.invalidate("front", "image");
  }

  nearest([x, y], within, horizontalOnly = false) {
    let best = null, least = within ** 2;
    const encodings = this.frame === null ? this.points : this.recorded;
    for (let i = 0; i < encodings.count; i++) {
      if (this.label !== null && this.labelOf(i) !== this.label) continue;
      const [px, py] = this.toScreen(this.pointXY(i));
      const distance = (px - x) ** 2 + (horizontalOnly ? 0 : (py - y) ** 2);
      if (distance < least) [best, least] = [i, distance];
    }
    return this.showsPoints || this.frame !== null ? best : null;
  }

  /** The point nearest to the cursor; with a single axis, vertical distance is ignored. */
  nearestToCursor(within) {
    return this.nearest(this.toScreen(this.cursorXY()), within, this.axes[1] === null);
  }

  // -- drawing: invalidated parts, once per animation frame -----------------------------------------------

  invalidate(...parts) {
    if (!this.dirty.size) requestAnimationFrame(() => this.draw());
    for (const part of parts) this.dirty.add(part);
  }

  draw() {
    const parts = [...this.dirty];
    this.dirty.clear();
    if (!this.size) return; // no layout yet
    if (parts.includes("back")) this.drawBack();
    if (parts.includes("front")) this.drawFront();
    if (parts.includes("image")) this.drawImage();
    if (parts.includes("near")) this.drawNear();
    if (parts.includes("strip")) this.drawStrip();
  }

  resize() {
    const size = this.plane.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    if (!size) return;
    this.size = size;
    for (const canvas of [this.back, this.front]) {
      canvas.width = canvas.height = Math.round(size * ratio);
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.invalidate("back", "front");
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    this.theme = { ink: value("--ink"), soft: value("--soft"), paper: value("--plane"), accent: value("--accent"), prior: value("--prior"), aggregate: value("--aggregate-posterior") };
    this.isDark = value("--is-dark") === "1";
  }

  drawBack() {
    this.readColors();
    const context = this.back.getContext("2d");
    context.clearRect(0, 0, this.size, this.size);
    context.fillStyle = this.theme.paper;
    context.fillRect(0, 0, this.size, this.size);
    const painters = { prior: this.drawPrior, aggregate: this.drawAggregate, manifold: this.drawManifold };
    if (painters[this.background]) painters[this.background].call(this, context);
    this.drawRings(context);
    this.drawScales(context);
    if (this.frame !== null) this.drawRecorded(context);
    else if (this.showsPoints) this.drawPoints(context);
  }

  /** Fills the background with a colour (#rrggbb); `opacity` is a function of the cell's index on a grid of side × side. */
  shade(context, side, color, opacity) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const small = canvas.getContext("2d");
    const image = small.createImageData(side, side);
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
    for (let i = 0; i < side * side; i++) image.data.set([r, g, b, 255 * opacity(i)], 4 * i);
    small.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(canvas, 0, 0, this.size, this.size);
  }

  drawPrior(context) {
    const side = PRIOR_CELLS;
    const at = (i) => ((i + 0.5) / side) * 2 * this.limit - this.limit;
    this.shade(context, side, this.theme.prior, (i) => {
      const x = at(i % side), y = this.axes[1] === null ? 0 : at(Math.floor(i / side));
      return 0.42 * Math.exp(-0.5 * (x * x + y * y));
    });
  }

  /** The aggregate posterior: the mixture of the posteriors of the page's test images, as a density on a grid. */
  drawAggregate(context) {
    const side = DENSITY_CELLS, cell = (2 * this.limit) / side;
    const key = [this.axes, this.limit].join();
    if (!this.density || this.density.key !== key) {
      const values = new Float32Array(side * side);
      const gaussian = (mean, std) => {
        // at least as wide as a cell, or a narrow posterior between two cell centres would be lost
        const width = Math.max(std, 0.6 * cell);
        const first = Math.max(0, Math.floor((mean - 4 * width + this.limit) / cell));
        const last = Math.min(side - 1, Math.ceil((mean + 4 * width + this.limit) / cell));
        const weights = [];
        for (let k = first; k <= last; k++)
          weights.push(Math.exp(-0.5 * (((k + 0.5) * cell - this.limit - mean) / width) ** 2) / width);
        return [first, weights];
      };
      for (let i = 0; i < this.points.count; i++) {
        const [left, across] = gaussian(this.points.at(i, this.axes[0]), this.points.std(i, this.axes[0]));
        const [bottom, up] = this.axes[1] === null
          ? [0, new Array(side).fill(1)]
          : gaussian(this.points.at(i, this.axes[1]), this.points.std(i, this.axes[1]));
        up.forEach((v, r) => {
          const row = (side - 1 - bottom - r) * side;
          across.forEach((u, k) => { values[row + left + k] += u * v; });
        });
      }
      this.density = { key, values, max: values.reduce((a, b) => Math.max(a, b), 0) || 1 };
    }
    // Square root: the peaks of narrow posteriors are a hundred times as high as their surroundings.
    this.shade(context, side, this.theme.aggregate, (i) => 0.72 * Math.sqrt(this.density.values[i] / this.density.max));
  }

  /** A grid of decoded images; those that exceed the time of a frame are decoded in the next frames. */
  drawManifold(context) {
    const { width, height } = this.data.image;
    const others = Array.from(this.z);
    this.axes.forEach((unit) => { if (unit !== null) others[unit] = 0; });
    const key = [this.axes, this.limit, others].join();
    if (!this.manifold || this.manifold.key !== key) {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = MANIFOLD_CELLS * Math.max(width, height);
      const ground = canvas.getContext("2d");
      ground.fillStyle = this.data.image.channels === 1 ? "#000" : this.theme.paper; // margins of images that are not square
      ground.fillRect(0, 0, canvas.width, canvas.height);
      this.manifold = { key, canvas, z: Float32Array.from(others), done: 0 };
    }
    const { canvas, z } = this.manifold;
    const small = canvas.getContext("2d");
    const until = performance.now() + MAX_DECODING_MS;
    const side = Math.max(width, height);
    const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
    for (; this.manifold.done < MANIFOLD_CELLS * MANIFOLD_CELLS && performance.now() < until; this.manifold.done++) {
      const column = this.manifold.done % MANIFOLD_CELLS, row = Math.floor(this.manifold.done / MANIFOLD_CELLS);
      z[this.axes[0]] = ((column + 0.5) / MANIFOLD_CELLS) * 2 * this.limit - this.limit;
      if (this.axes[1] !== null) z[this.axes[1]] = this.limit - ((row + 0.5) / MANIFOLD_CELLS) * 2 * this.limit;
      small.putImageData(this.imageData(this.decoder.decode(z)), column * side + left, row * side + top);
    }
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, 0, 0, this.size, this.size);
    if (this.data.image.channels === 1 && !this.isDark) {
      context.globalCompositeOperation = "difference"; // with white: inverts the greys, so that digits are dark on light
      context.fillStyle = "#fff";
      context.fillRect(0, 0, this.size, this.size);
      context.globalCompositeOperation = "source-over";
    }
    if (this.manifold.done < MANIFOLD_CELLS * MANIFOLD_CELLS) this.invalidate("back");
  }

  drawRings(context) {
    context.save();
    context.strokeStyle = this.theme.prior;
    context.fillStyle = this.theme.prior;
    context.setLineDash([5, 5]);
    context.font = "11px system-ui, sans-serif";
    for (const sigma of RING_SIGMAS) {
      if (sigma > 1.4 * this.limit) break;
      const [x, y] = this.toScreen([0, 0]);
      const r = (sigma / this.limit) * (this.size / 2);
      context.beginPath();
      if (this.axes[1] === null) {
        for (const side of [x - r, x + r]) { context.moveTo(side, 0); context.lineTo(side, this.size); }
      } else {
        context.arc(x, y, r, 0, 2 * Math.PI);
      }
      if (this.background === "manifold") { // an outline, visible on dark and on light images
        context.save();
        context.setLineDash([]);
        [context.strokeStyle, context.lineWidth] = [this.theme.paper, 3];
        context.stroke();
        context.restore();
      }
      context.stroke();
      if (this.limit > 10) continue; // the labels would overlap
      const [tx, ty] = this.axes[1] === null ? [x + r + 3, 14] : [x + r * Math.SQRT1_2 + 3, y - r * Math.SQRT1_2 - 3];
      context.save();
      context.setLineDash([]);
      context.lineWidth = 3;
      context.strokeStyle = this.theme.paper;
      context.strokeText(`${sigma}σ`, tx, ty);
      context.fillText(`${sigma}σ`, tx, ty);
      context.restore();
    }
    context.restore();
  }

  drawScales(context) {
    const power = 10 ** Math.floor(Math.log10(this.limit / 6));
    const step = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((s) => s >= this.limit / 6));
    context.font = "11px system-ui, sans-serif";
    context.lineWidth = 3;
    context.strokeStyle = this.theme.paper;
    context.fillStyle = this.theme.soft;
    const write = (text, x, y, align) => {
      context.textAlign = align;
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    };
    for (let v = -Math.floor(this.limit / step) * step; v <= this.limit; v += step) {
      const [x, y] = this.toScreen([v, v]);
      const text = String(v).replace("-", "−");
      if (x > 30 && x < this.size - 64) write(text, x, this.size - 6, "center");
      if (this.axes[1] !== null && y < this.size - 22 && y > 26) write(text, 6, y + 4, "left");
    }
    write(`unit ${this.axes[0]} →`, this.size - 6, this.size - 6, "right");
    if (this.axes[1] !== null) write(`↑ unit ${this.axes[1]}`, 6, 15, "left");
  }

  drawPoints(context) {
    const r = clamp(this.size / 150, 2.6, 4.2);
    context.lineWidth = 0.8;
    context.strokeStyle = this.theme.paper;
    for (let i = 0; i < this.points.count; i++) {
      const label = this.labelOf(i);
      if (this.label !== null && label !== this.label) context.globalAlpha = 0.1;
      else context.globalAlpha = 0.86;
      context.fillStyle = this.color(label);
      context.beginPath();
      this.shape(label)(context, ...this.toScreen(this.pointXY(i)), r);
      context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  drawRecorded(context) {
    for (let i = 0; i < this.recorded.count; i++) {
      const label = this.labelOf(i);
      const opacity = this.label !== null && label !== this.label ? 0.12 : 1;
      this.drawPosterior(context, i, opacity);
      context.globalAlpha = opacity;
      context.fillStyle = this.color(label);
      context.beginPath();
      this.shape(label)(context, ...this.toScreen(this.pointXY(i)), 4);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  /** A posterior as a circle around its mean, r² = σₓ σᵧ; with a single axis, as the interval of ± σ. */
  drawPosterior(context, i, opacity = 1) {
    const deviations = this.deviations(i);
    if (!deviations) return;
    const [x, y] = this.toScreen(this.pointXY(i));
    const scale = this.size / 2 / this.limit;
    context.beginPath();
    if (this.axes[1] === null) context.rect(x - deviations[0] * scale, y - 4, 2 * deviations[0] * scale, 8);
    else context.arc(x, y, Math.sqrt(deviations[0] * deviations[1]) * scale, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = this.color(this.labelOf(i));
    context.globalAlpha = 0.16 * opacity;
    context.fill();
    context.globalAlpha = 0.9 * opacity;
    context.lineWidth = 1.3;
    context.stroke();
    context.globalAlpha = 1;
  }

  drawFront() {
    const context = this.front.getContext("2d");
    context.clearRect(0, 0, this.size, this.size);
    if (this.path) this.drawPath(context);
    if (this.drawn && this.frame === null) paintPosterior(context, this);
    for (const point of new Set([this.selected, this.hovered])) {
      if (point === null) continue;
      const at = this.toScreen(this.pointXY(point));
      if (this.frame === null) this.drawPosterior(context, point);
      context.lineWidth = 2;
      context.strokeStyle = this.theme.ink;
      context.beginPath();
      context.arc(...at, 7.5, 0, 2 * Math.PI);
      context.stroke();
    }
    const [x, y] = this.toScreen(this.cursorXY());
    for (const [color, width] of [[this.theme.paper, 4], [this.theme.ink, 1.6]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 5 * dx, y + 5 * dy);
        context.lineTo(x + 13 * dx, y + 13 * dy);
      }
      context.stroke();
    }
  }

  drawPath(context) {
    const { from, to } = this.path;
    const ends = [this.toScreen(from.xy), this.toScreen(to.xy)];
    for (const [color, width] of [[this.theme.paper, 5], [this.theme.accent, 2.2]]) {
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...ends[0]);
      context.lineTo(...ends[1]);
      context.stroke();
    }
    for (let k = 0; k < INTERPOLATION_IMAGES; k++) {
      const t = k / (INTERPOLATION_IMAGES - 1);
      context.beginPath();
      context.arc(...ends[0].map((a, axis) => (1 - t) * a + t * ends[1][axis]), k % (INTERPOLATION_IMAGES - 1) ? 2.6 : 4.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  imageData(pixels) {
    const { width, height, channels } = this.data.image;
    const image = new ImageData(width, height);
    for (let p = 0; p < width * height; p++) {
      for (let c = 0; c < 3; c++) image.data[4 * p + c] = pixels[p * channels + (channels > 2 ? c : 0)];
      image.data[4 * p + 3] = 255;
    }
    return image;
  }

  drawImage() {
    const began = performance.now();
    this.picture.getContext("2d").putImageData(this.imageData(this.decoder.decode(this.z)), 0, 0);
    this.milliseconds = performance.now() - began;
    const coordinates = this.axes.filter((unit) => unit !== null).map((unit) => `unit ${unit} = ${twoDecimals(this.z[unit])}`);
    byId("cursor-text").textContent = coordinates.join(", ");
    this.axes.forEach((unit) => this.setSlider(unit));
  }

  /** Shows the image, the reconstruction and the posterior of the point under the pointer, else of the selected one. */
  drawNear() {
    const point = this.hovered ?? this.selected;
    byId("near").classList.toggle("empty", point === null);
    byId("use-selected")?.toggleAttribute("disabled", this.selected === null || this.frame !== null);
    if (point === null) {
      for (const id of ["near-image", "near-reconstruction"])
        byId(id).getContext("2d").clearRect(0, 0, this.data.image.width, this.data.image.height);
      byId("near-text").textContent = "Point at or tap a test image to see it.";
      return;
    }
    const sprite = this.frame === null ? this.images : this.recordedImages;
    const context = byId("near-image").getContext("2d");
    context.clearRect(0, 0, this.data.image.width, this.data.image.height);
    if (sprite) sprite.draw(context, point);
    const label = this.labelOf(point);
    const deviations = this.deviations(point);
    const names = this.axes.filter((unit) => unit !== null).map((unit) => `σ of unit ${unit}`);
    const parts = [label === null ? `image ${point}` : `label ${this.textOf(label)}`];
    if (deviations) parts.push(names.map((name, k) => `${name} = ${deviations[k].toFixed(3)}`).join(", "));
    byId("near-text").textContent = parts.join("; ");
    byId("near-reconstruction").parentElement.hidden = this.frame !== null; // the decoder of an earlier epoch is not available
    if (this.frame !== null) return;
    const target = byId("near-reconstruction").getContext("2d");
    if (this.reconstructions) this.reconstructions.draw(target, point);
    else target.putImageData(this.imageData(this.decoder.decode(this.meanOf(point))), 0, 0);
  }

  /** The images of the interpolation; those that exceed the time of a frame are decoded in the next frames. */
  drawStrip() {
    const context = byId("strip").getContext("2d");
    const { width } = this.data.image;
    if (!this.path) return this.emptyStrip();
    const { from, to } = this.path;
    const until = performance.now() + MAX_DECODING_MS;
    for (; this.path.drawn < INTERPOLATION_IMAGES && performance.now() < until; this.path.drawn++) {
      const t = this.path.drawn / (INTERPOLATION_IMAGES - 1);
      const z = from.z.map((a, i) => (1 - t) * a + t * to.z[i]);
      context.putImageData(this.imageData(this.decoder.decode(z)), this.path.drawn * width, 0);
    }
    if (this.path.drawn < INTERPOLATION_IMAGES) this.invalidate("strip");
    const name = ({ point, xy }) => (point === null ? `(${xy.map(twoDecimals).join(", ")})` : this.nameOf(point));
    byId("strip-text").textContent = `Linear interpolation from ${name(from)} to ${name(to)}, both included.`;
    byId("strip").setAttribute("aria-label", `${INTERPOLATION_IMAGES} decoded images from ${name(from)} to ${name(to)}`);
    byId("strip-figure").classList.remove("empty");
    if (this.path.drawn === INTERPOLATION_IMAGES && this.path.isAnnounced) byId("announcement").textContent = byId("strip-text").textContent;
  }

  emptyStrip() {
    const strip = byId("strip");
    strip.getContext("2d").clearRect(0, 0, strip.width, strip.height);
    strip.setAttribute("aria-label", "No interpolation yet");
    byId("strip-text").textContent = this.stripHint;
    byId("strip-figure").classList.add("empty");
  }

  nameOf(point) {
    const label = this.points.labels ? this.points.labels[point] : null;
    return label === null ? `test image ${point}` : `test image ${point} (label ${this.textOf(label)})`;
  }

  // -- input: pointer, keyboard, controls -----------------------------------------------------------------

  listen() {
    const { front } = this;
    front.addEventListener("pointerdown", (event) => this.press(event));
    front.addEventListener("pointermove", (event) => this.move(event));
    front.addEventListener("pointerup", (event) => this.release(event));
    front.addEventListener("pointercancel", () => { this.pressed = null; });
    front.addEventListener("pointerleave", () => { this.hovered = null; this.invalidate("front", "near"); });
    front.addEventListener("keydown", (event) => this.key(event));
    for (const input of document.querySelectorAll("[name=background]"))
      input.addEventListener("change", () => { this.background = input.value; this.invalidate("back"); });
    byId("show-points").addEventListener("change", (event) => {
      this.showsPoints = event.target.checked;
      this.invalidate("back");
    });
    document.addEventListener("themechange", () => this.invalidate("back", "front"));
    byId("axis-x")?.addEventListener("change", () => this.changeAxes(0));
    byId("axis-y")?.addEventListener("change", () => this.changeAxes(1));
    byId("use-selected")?.addEventListener("click", () => this.setAll(this.meanOf(this.selected)));
    byId("zero")?.addEventListener("click", () => this.setAll(new Float32Array(this.total)));
  }

  position(event) {
    const box = this.front.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** An end of an interpolation: the mean of a test image over all units if one is near, else the latent point itself. */
  end(position, kind) {
    const point = this.frame === null ? this.nearest(position, PICK_RADIUS_PX[kind] ?? PICK_RADIUS_PX.mouse) : null;
    if (point !== null) return { xy: this.pointXY(point), z: this.meanOf(point), point };
    const xy = this.toLatent(position);
    const z = Float32Array.from(this.z);
    z[this.axes[0]] = xy[0];
    if (this.axes[1] !== null) z[this.axes[1]] = xy[1];
    return { xy, z, point: null };
  }

  press(event) {
    if (event.button) return;
    this.front.setPointerCapture(event.pointerId);
    const position = this.position(event);
    this.pressed = { position, from: this.end(position, event.pointerType), isDrag: false };
    this.follow(event);
  }

  move(event) {
    this.follow(event);
    if (!this.pressed) return;
    const position = this.position(event);
    const moved = Math.hypot(position[0] - this.pressed.position[0], position[1] - this.pressed.position[1]);
    if (!this.pressed.isDrag && moved < MIN_DRAG_PX) return;
    this.pressed.isDrag = true;
    this.setPath(this.pressed.from, this.end(position, event.pointerType));
  }

  release(event) {
    if (!this.pressed) return;
    if (!this.pressed.isDrag) this.select(this.nearest(this.position(event), PICK_RADIUS_PX[event.pointerType] ?? PICK_RADIUS_PX.mouse));
    this.pressed = null;
  }

  follow(event) {
    const position = this.position(event).map((v) => clamp(v, 0, this.size));
    this.moveTo(this.toLatent(position));
    const hovered = this.nearest(position, PICK_RADIUS_PX[event.pointerType] ?? PICK_RADIUS_PX.mouse);
    if (hovered !== this.hovered) {
      this.hovered = hovered;
      this.invalidate("near");
    }
  }

  select(point) {
    this.selected = point;
    this.invalidate("front", "near");
  }

  /** Starts an interpolation; `isAnnounced`: read out by a screen reader once it is drawn. */
  setPath(from, to, isAnnounced = false) {
    if (isAnnounced) clearTimeout(this.announcementTimer); // the cursor's position would replace the announcement
    this.path = { from, to, drawn: 0, isAnnounced };
    this.invalidate("front", "strip");
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // shortcuts of the browser
    const step = this.limit / (event.shiftKey ? 8 : 40);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) {
      this.step(this.cursorXY().map((v, k) => clamp(v + moves[event.key][k], -this.limit, this.limit)));
    } else if (event.key === "Home") {
      this.step([0, 0]);
    } else if (event.key === "Enter" || event.key === " ") {
      this.select(this.nearestToCursor(KEYBOARD_PICK_RADIUS_PX));
      this.hovered = this.selected;
      this.announce();
    } else if (event.key === "i") {
      const end = this.end(this.toScreen(this.cursorXY()), "mouse");
      if (this.anchor) this.setPath(this.anchor, end, true);
      else byId("announcement").textContent = "Interpolation starts here.";
      this.anchor = this.anchor ? null : end;
    } else if (event.key === "Escape") {
      this.clearPath();
      this.select(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Moves the cursor by keyboard. */
  step(xy) {
    this.moveTo(xy);
    this.hovered = this.nearestToCursor(PICK_RADIUS_PX.mouse);
    this.invalidate("near");
    this.announce();
  }

  clearPath() {
    this.path = this.anchor = null;
    this.invalidate("front", "strip");
  }

  /** Lets a screen reader read the position of the cursor once it has stopped moving. */
  announce() {
    clearTimeout(this.announcementTimer);
    this.announcementTimer = setTimeout(() => {
      byId("announcement").textContent = `${byId("cursor-text").textContent}. ${byId("near-text").textContent}`;
    }, ANNOUNCEMENT_DELAY_MS);
  }

  changeAxes(which) {
    const unit = Number(byId(which ? "axis-y" : "axis-x").value);
    if (unit === this.axes[1 - which]) this.axes[1 - which] = this.axes[which]; // the axes are swapped
    this.axes[which] = unit;
    byId("axis-x").value = this.axes[0];
    byId("axis-y").value = this.axes[1];
    this.clearPath();
    this.setLimits();
    this.setFrame(null);
    this.markAxes();
    this.invalidate("back", "front", "image", "near");
  }

  setAll(z) {
    this.z.set(z);
    this.data.units.forEach((unit) => this.setSlider(unit));
    this.invalidate("front", "image");
    if (this.background === "manifold") this.invalidate("back");
  }

  makeLegend() {
    const legend = byId("legend");
    if (!this.points.labels) return legend.remove();
    for (const label of [...new Set(this.points.labels)].sort((a, b) => a - b)) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      const name = Object.assign(document.createElement("span"), { textContent: this.textOf(label) });
      button.title = name.textContent; // a long name is cut in the legend
      button.append(this.marker(label), name);
      button.addEventListener("click", () => {
        this.label = this.label === label ? null : label;
        for (const other of legend.querySelectorAll("button"))
          other.setAttribute("aria-pressed", String(other === button && this.label !== null));
        this.invalidate("back");
      });
      legend.append(button);
    }
  }

  marker(label) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 32;
    const context = canvas.getContext("2d");
    context.fillStyle = this.color(label);
    context.beginPath();
    this.shape(label)(context, 16, 16, 10);
    context.fill();
    return canvas;
  }

  makeSliders() {
    this.sliders = new Map();
    const box = byId("sliders");
    if (!box) return;
    for (const unit of [...this.data.units].sort((a, b) => a - b)) {
      const row = document.createElement("label");
      const max = this.sliderLimit(unit);
      const range = { type: "range", min: -max, max, step: max / 80, value: 0, autocomplete: "off" };
      const input = Object.assign(document.createElement("input"), range);
      const output = document.createElement("span");
      row.append(`unit ${unit}`, input, output);
      input.addEventListener("input", () => {
        this.z[unit] = Number(input.value);
        this.setSlider(unit);
        this.invalidate("front", "image");
        if (this.background === "manifold") this.invalidate("back");
      });
      box.append(row);
      this.sliders.set(unit, { row, input, output });
      this.setSlider(unit);
    }
    this.markAxes();
  }

  /** The limit of a slider: 4, or the largest mean of a test image. */
  sliderLimit(unit) {
    let farthest = 4;
    for (let i = 0; i < this.points.count; i++) farthest = Math.max(farthest, Math.abs(this.points.at(i, unit)));
    return Math.ceil(farthest);
  }

  markAxes() {
    for (const [unit, { row }] of this.sliders) row.classList.toggle("axis", this.axes.includes(unit));
  }

  setSlider(unit) {
    const slider = this.sliders.get(unit);
    if (!slider) return;
    slider.input.value = this.z[unit];
    slider.output.textContent = twoDecimals(this.z[unit]);
  }

  // -- the recorded training ------------------------------------------------------------------------------

  makeEpochSlider() {
    if (!this.recorded) return;
    const input = byId("epoch");
    input.max = this.data.trajectory.epochs.length;
    input.value = input.max;
    input.addEventListener("input", () => {
      this.stop();
      this.setFrame(Number(input.value));
    });
    byId("play").addEventListener("click", () => (this.playing ? this.stop() : this.play()));
    this.setFrame(null);
  }

  /** Shows a recorded frame; for null or a frame after the last, the test images of the trained model. */
  setFrame(frame) {
    if (!this.recorded) return;
    const frames = this.data.trajectory.epochs.length;
    const next = frame === null || frame >= frames || !this.isRecorded() ? null : frame;
    if ((next === null) !== (this.frame === null)) { // the points differ
      this.hovered = this.selected = null;
      this.clearPath();
      this.invalidate("near");
    }
    this.frame = next;
    this.history.show(next);
    byId("epoch").value = next ?? frames;
    const text = next === null
      ? `trained model: ${this.points.count.toLocaleString("en")} test images`
      : `epoch ${this.data.trajectory.epochs[next].toFixed(next && this.data.trajectory.epochs[next] < 10 ? 2 : 0)}: ${this.recorded.count} recorded test images`;
    byId("epoch-text").textContent = this.isRecorded() ? text : "these units were not recorded during training";
    byId("epoch").setAttribute("aria-valuetext", text);
    for (const id of ["epoch", "play"]) byId(id).disabled = !this.isRecorded();
    this.invalidate("back", "front", "near");
  }

  play() {
    const frames = this.data.trajectory.epochs.length;
    let began = null;
    const first = this.frame ?? 0;
    this.playing = true;
    byId("play").textContent = "Pause";
    const step = (now) => {
      if (!this.playing) return;
      began ??= now;
      const frame = first + Math.floor(((now - began) / 1000 / PLAYBACK_SECONDS) * frames);
      if (frame !== this.frame) this.setFrame(frame);
      if (frame >= frames) return this.stop();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.playing = false;
    byId("play").textContent = "Play";
  }

  /** The pixels, 0 to 255, decoded at a latent point; for use in the console. */
  decode(z) {
    return this.decoder.decode(Float32Array.from(z));
  }
}

const explorerData = byId("explorer-data");
if (explorerData) {
  const explorer = new Explorer(JSON.parse(explorerData.textContent));
  explorer.start().then(() => {
    window.explorer = explorer;
    byId("explorer").classList.add("ready");
  });
}
