// Backgrounds of the latent plane: the density of the prior, that of the aggregate posterior, a grid of decoded images.
"use strict";

const PRIOR_CELLS = 96; // along a side of the plane
const DENSITY_CELLS = 192; // along a side of the grid on which q(z) is evaluated
const DENSITY_REACH = 1.15; // half the side of that grid, in units of the view's limit
const MANIFOLD_CELLS = 18; // decoded images along a side of the plane
const MAX_CELL_PX = 64; // a side of a decoded image; a cell of the plane has about 40 pixels

/** A canvas that fills a square of the plane with a colour (#rrggbb); `opacity` is a function of a cell's index. */
function shaded(side, color, opacity) {
  const canvas = element("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  for (let i = 0; i < side * side; i++) image.data.set([r, g, b, 255 * opacity(i)], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

class Backgrounds {
  constructor(explorer) {
    this.explorer = explorer;
    this.painters = { prior: this.drawPrior, aggregate: this.drawAggregate, manifold: this.drawManifold };
  }

  draw(context) {
    this.painters[this.explorer.background]?.call(this, context);
  }

  /** Draws a canvas that shows the square `bounds` = {center, extent} of the plane. */
  place(context, canvas, { center, extent }) {
    const { view } = this.explorer;
    const [left, top] = view.toScreen([center[0] - extent, center[1] + extent]);
    context.drawImage(canvas, left, top, 2 * extent * view.scale, 2 * extent * view.scale);
  }

  drawPrior(context) {
    const { view, axes, theme, data } = this.explorer;
    const side = PRIOR_CELLS;
    const offset = (k) => ((k + 0.5) / side - 0.5) * 2 * view.extent;
    if (data.prior) {
      const values = this.learnedPriorValues(side, offset);
      const max = values.reduce((a, b) => Math.max(a, b), 0) || 1;
      context.imageSmoothingEnabled = true;
      context.drawImage(shaded(side, theme.prior, (i) => 0.6 * Math.sqrt(values[i] / max)), 0, 0, view.size, view.size);
      return;
    }
    const canvas = shaded(side, theme.prior, (i) => {
      const x = view.center[0] + offset(i % side);
      const y = axes[1] === null ? 0 : view.center[1] - offset(Math.floor(i / side));
      return 0.42 * Math.exp(-0.5 * (x * x + y * y));
    });
    context.imageSmoothingEnabled = true;
    context.drawImage(canvas, 0, 0, view.size, view.size);
  }

  /** The density of a learned prior, a mixture of Gaussians, in the cells of the plane, row by row from the upper left. */
  learnedPriorValues(side, offset) {
    const { view, axes, data } = this.explorer;
    const values = new Float32Array(side * side);
    const columns = axes.map((unit) => data.units.indexOf(unit));
    const density = (k, column, center, sign) => {
      const mean = data.prior.mean[k][column], std = Math.max(data.prior.std[k][column], (1.2 * view.extent) / side);
      return Array.from({ length: side }, (_, i) => Math.exp(-0.5 * ((center + sign * offset(i) - mean) / std) ** 2) / std);
    };
    data.prior.weight.forEach((weight, k) => {
      const across = density(k, columns[0], view.center[0], 1);
      const down = axes[1] === null ? new Array(side).fill(1) : density(k, columns[1], view.center[1], -1);
      down.forEach((v, row) => {
        if (v > 1e-9) across.forEach((u, column) => { values[row * side + column] += weight * u * v; });
      });
    });
    return values;
  }

  /** The aggregate posterior: the mixture of the posteriors of test images, as a density on a fixed grid. */
  drawAggregate(context) {
    const { view, axes, theme } = this.explorer;
    const limit = DENSITY_REACH * view.limit;
    const key = [axes, limit, theme.aggregate].join();
    if (this.density?.key !== key) {
      const values = this.densityValues(limit);
      const max = values.reduce((a, b) => Math.max(a, b), 0) || 1;
      // Square root: the peaks of narrow posteriors are a hundred times as high as their surroundings.
      this.density = { key, canvas: shaded(DENSITY_CELLS, theme.aggregate, (i) => 0.72 * Math.sqrt(values[i] / max)) };
    }
    context.imageSmoothingEnabled = true;
    if (axes[1] === null) context.drawImage(this.density.canvas, view.toScreen([-limit, 0])[0], 0, 2 * limit * view.scale, view.size);
    else this.place(context, this.density.canvas, { center: [0, 0], extent: limit });
  }

  densityValues(limit) {
    const { axes, codes } = this.explorer;
    const side = DENSITY_CELLS, cell = (2 * limit) / side;
    const values = new Float32Array(side * side);
    const gaussian = (mean, std) => {
      // at least as wide as a cell, or a narrow posterior between two cell centres would be lost
      const width = Math.max(std, 0.6 * cell);
      const first = Math.max(0, Math.floor((mean - 4 * width + limit) / cell));
      const last = Math.min(side - 1, Math.ceil((mean + 4 * width + limit) / cell));
      const weights = [];
      for (let k = first; k <= last; k++) weights.push(Math.exp(-0.5 * (((k + 0.5) * cell - limit - mean) / width) ** 2) / width);
      return [first, weights];
    };
    for (let i = 0; i < codes.count; i++) {
      const [left, across] = gaussian(codes.at(i, axes[0]), codes.std(i, axes[0]));
      const [bottom, up] = axes[1] === null
        ? [0, new Array(side).fill(1)]
        : gaussian(codes.at(i, axes[1]), codes.std(i, axes[1]));
      up.forEach((v, r) => {
        const row = (side - 1 - bottom - r) * side;
        across.forEach((u, k) => { values[row + left + k] += u * v; });
      });
    }
    return values;
  }

  /**
   * A grid of decoded images. Those that exceed the time of a frame are decoded in the next frames; until then, the
   * previous grid is drawn below at the place to which the view has moved it.
   */
  drawManifold(context) {
    const { view, axes, data } = this.explorer;
    const others = Array.from(this.explorer.z);
    axes.forEach((unit) => { if (unit !== null) others[unit] = 0; });
    const key = [axes, view.key, others, this.explorer.decoderKey].join();
    if (this.manifold?.key !== key) this.startManifold(key, others);
    const isComplete = this.decodeCells(this.manifold);
    context.imageSmoothingEnabled = false;
    if (!isComplete && this.complete) this.place(context, this.complete.canvas, this.complete.bounds);
    this.place(context, this.manifold.canvas, this.manifold.bounds);
    if (data.image.channels === 1 && !this.explorer.isDark) {
      context.globalCompositeOperation = "difference"; // with white: inverts the greys, so that digits are dark on light
      context.fillStyle = "#fff";
      context.fillRect(0, 0, view.size, view.size);
      context.globalCompositeOperation = "source-over";
    }
    if (isComplete) this.complete = this.manifold;
    else this.explorer.invalidate("back");
  }

  /** Begins a grid on that one of two canvases which does not hold the grid drawn below. */
  startManifold(key, others) {
    const { view, data: { image: { width, height } } } = this.explorer;
    const cell = Math.min(MAX_CELL_PX, Math.max(width, height)), side = MANIFOLD_CELLS * cell;
    this.canvases ??= [0, 1].map(() => element("canvas", { width: side, height: side }));
    this.decoded ??= element("canvas", { width, height });
    const canvas = this.canvases.find((one) => one !== this.complete?.canvas);
    canvas.getContext("2d").clearRect(0, 0, side, side);
    this.manifold = { key, canvas, cell, z: Float32Array.from(others), done: 0, bounds: { center: [...view.center], extent: view.extent } };
  }

  /** Decodes cells for the time of a frame; returns whether all are decoded. */
  decodeCells(manifold) {
    const { axes, data, theme } = this.explorer;
    const { cell } = manifold;
    const scale = cell / Math.max(data.image.width, data.image.height);
    const [width, height] = [data.image.width, data.image.height].map((side) => Math.max(1, Math.round(scale * side)));
    const [left, top] = [Math.floor((cell - width) / 2), Math.floor((cell - height) / 2)];
    const context = manifold.canvas.getContext("2d");
    context.imageSmoothingQuality = "high"; // of images that are reduced
    context.fillStyle = data.image.channels === 1 ? "#000" : theme.paper; // margins of images that are not square
    const until = performance.now() + MAX_DECODING_MS;
    const { z, bounds: { center, extent } } = manifold;
    for (; manifold.done < MANIFOLD_CELLS ** 2 && performance.now() < until; manifold.done++) {
      const column = manifold.done % MANIFOLD_CELLS, row = Math.floor(manifold.done / MANIFOLD_CELLS);
      const offset = (k) => ((k + 0.5) / MANIFOLD_CELLS - 0.5) * 2 * extent;
      z[axes[0]] = center[0] + offset(column);
      if (axes[1] !== null) z[axes[1]] = center[1] - offset(row);
      if (width !== height) context.fillRect(column * cell, row * cell, cell, cell);
      this.decoded.getContext("2d").putImageData(this.explorer.imageData(this.explorer.decoder.decode(z)), 0, 0);
      context.drawImage(this.decoded, column * cell + left, row * cell + top, width, height);
    }
    return manifold.done === MANIFOLD_CELLS ** 2;
  }
}
