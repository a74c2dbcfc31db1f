// The view of the latent plane: which part of it the canvas shows.
"use strict";

const ZOOM_RANGE = [0.5, 60];
const MAX_CENTER_SHIFT = 1.5; // of the centre from the origin, in units of `limit`

/** A square around `center` whose half side is `limit / zoom`, in latent coordinates, on a canvas of `size` pixels. */
class View {
  constructor() {
    Object.assign(this, { size: 0, limit: 1, zoom: 1, center: [0, 0] });
  }

  /** Half the side of what is shown. */
  get extent() {
    return this.limit / this.zoom;
  }

  /** Pixels per unit of length. */
  get scale() {
    return this.size / 2 / this.extent;
  }

  get isReset() {
    return this.zoom === 1 && this.center[0] === 0 && this.center[1] === 0;
  }

  /** A text that differs between different views. */
  get key() {
    return [this.limit, this.zoom, ...this.center].join();
  }

  toScreen([x, y]) {
    const half = this.size / 2;
    return [half + (x - this.center[0]) * this.scale, half - (y - this.center[1]) * this.scale];
  }

  toLatent([x, y]) {
    const half = this.size / 2;
    return [this.center[0] + (x - half) / this.scale, this.center[1] + (half - y) / this.scale];
  }

  /** Multiplies the zoom; the latent point at `position`, in pixels, stays where it is. */
  zoomAt(position, factor) {
    const fixed = this.toLatent(position);
    this.zoom = clamp(this.zoom * factor, ...ZOOM_RANGE);
    if (Math.abs(this.zoom - 1) < 1e-6) this.zoom = 1;
    const now = this.toLatent(position);
    this.centerAt(this.center.map((v, k) => v + fixed[k] - now[k]));
  }

  /** Moves the content by pixels. */
  panBy(dx, dy) {
    this.centerAt([this.center[0] - dx / this.scale, this.center[1] + dy / this.scale]);
  }

  centerAt(center) {
    const most = MAX_CENTER_SHIFT * this.limit;
    this.center = center.map((v) => clamp(v, -most, most));
  }

  reset() {
    [this.zoom, this.center] = [1, [0, 0]];
  }
}
