// What is drawn on the latent plane: rings of the prior, scales, points, posteriors, the path and the cursor.
"use strict";

const RING_SIGMAS = [1, 2, 3];
const MIN_RING_GAP_PX = 16; // between rings with labels
const MIN_TICK_GAP_PX = 42;
const CODE_SIDE_PX = 1.9; // of the dot of a code without an image

class PlanePainter {
  constructor(explorer) {
    this.explorer = explorer;
  }

  drawBack(context) {
    const { explorer } = this;
    const { size } = explorer.view;
    context.clearRect(0, 0, size, size);
    context.fillStyle = explorer.theme.paper;
    context.fillRect(0, 0, size, size);
    explorer.backgrounds.draw(context);
    this.drawRings(context);
    if (explorer.frame !== null) this.drawRecorded(context);
    else if (explorer.showsPoints) {
      this.drawCodes(context);
      this.drawPoints(context);
    }
    this.drawScales(context); // above the points, which would hide the names of the units
  }

  /** Text with an outline in the colour of the plane. */
  write(context, text, x, y, align = "left") {
    context.save();
    context.setLineDash([]);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = align;
    [context.lineWidth, context.lineJoin] = [6, "round"];
    context.strokeStyle = this.explorer.theme.paper;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
    context.restore();
  }

  /** The standard deviations of N(0, I), if it is the prior. */
  drawRings(context) {
    const { view, axes, theme, background, data } = this.explorer;
    if (data.prior) return;
    const [x, y] = view.toScreen([0, 0]);
    context.save();
    context.strokeStyle = context.fillStyle = theme.prior;
    context.setLineDash([5, 5]);
    for (const sigma of RING_SIGMAS) {
      const r = sigma * view.scale;
      context.beginPath();
      if (axes[1] === null) {
        for (const side of [x - r, x + r]) { context.moveTo(side, 0); context.lineTo(side, view.size); }
      } else {
        context.arc(x, y, r, 0, 2 * Math.PI);
      }
      if (background === "manifold") { // an outline, visible on dark and on light images
        context.save();
        context.setLineDash([]);
        [context.strokeStyle, context.lineWidth] = [theme.paper, 3];
        context.stroke();
        context.restore();
      }
      context.stroke();
      if (view.scale < MIN_RING_GAP_PX) continue;
      const at = axes[1] === null ? [x + r + 3, 14] : [x + r * Math.SQRT1_2 + 3, y - r * Math.SQRT1_2 - 3];
      this.write(context, `${sigma}σ`, ...at);
    }
    context.restore();
  }

  drawScales(context) {
    const { view, axes, theme } = this.explorer;
    const smallest = MIN_TICK_GAP_PX / view.scale;
    const power = 10 ** Math.floor(Math.log10(smallest));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= smallest * (1 - 1e-9));
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const text = (v) => (Math.abs(v) < step / 2 ? 0 : v).toFixed(digits).replace("-", "−");
    context.fillStyle = theme.soft;
    const first = (axis) => Math.ceil((view.center[axis] - view.extent) / step);
    const last = (axis) => Math.floor((view.center[axis] + view.extent) / step);
    for (let k = first(0); k <= last(0); k++) {
      const [x] = view.toScreen([k * step, 0]);
      if (x > 30 && x < view.size - 64) this.write(context, text(k * step), x, view.size - 6, "center");
    }
    for (let k = first(1); axes[1] !== null && k <= last(1); k++) {
      const [, y] = view.toScreen([0, k * step]);
      if (y < view.size - 22 && y > 26) this.write(context, text(k * step), 6, y + 4);
    }
    this.write(context, `unit ${axes[0]} →`, view.size - 6, view.size - 6, "right");
    if (axes[1] !== null) this.write(context, `↑ unit ${axes[1]}`, 6, 15);
  }

  /** Codes of which the page holds no image, as small dots in the colour of their label. */
  drawCodes(context) {
    const { codes, points, labels, label, view, axes } = this.explorer;
    if (codes === points) return;
    const byColor = new Map();
    for (let i = 0; i < codes.count; i++) {
      const own = codes.labels ? codes.labels[i] : null;
      if (label !== null && own !== label) continue;
      const color = labels.color(own);
      if (!byColor.has(color)) byColor.set(color, []);
      byColor.get(color).push(i);
    }
    context.globalAlpha = 0.5;
    for (const [color, members] of byColor) {
      context.fillStyle = color; // one change of colour per label: ten thousand dots in a few milliseconds
      for (const i of members) {
        const y = axes[1] === null ? this.explorer.spread(i) : codes.at(i, axes[1]);
        const [left, top] = view.toScreen([codes.at(i, axes[0]), y]);
        context.fillRect(left - CODE_SIDE_PX / 2, top - CODE_SIDE_PX / 2, CODE_SIDE_PX, CODE_SIDE_PX);
      }
    }
    context.globalAlpha = 1;
  }

  drawPoints(context) {
    const { explorer } = this;
    const { points, view, label } = explorer;
    const r = clamp(view.size / 150, 2.6, 4.2);
    context.lineWidth = 0.8;
    context.strokeStyle = explorer.theme.paper;
    for (let i = 0; i < points.count; i++) {
      const own = explorer.labelOf(i);
      context.globalAlpha = label !== null && own !== label ? 0.1 : 0.86;
      context.fillStyle = explorer.labels.color(own);
      context.beginPath();
      explorer.labels.trace(context, own, explorer.toScreen(explorer.pointXY(i)), r);
      context.fill();
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  drawRecorded(context) {
    const { explorer } = this;
    for (let i = 0; i < explorer.recorded.count; i++) {
      const own = explorer.labelOf(i);
      const opacity = explorer.label !== null && own !== explorer.label ? 0.12 : 1;
      this.drawPosterior(context, i, opacity);
      context.globalAlpha = opacity;
      context.fillStyle = explorer.labels.color(own);
      context.beginPath();
      explorer.labels.trace(context, own, explorer.toScreen(explorer.pointXY(i)), 4);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  /** A posterior as a circle around its mean, r² = σₓ σᵧ; with a single axis, as the interval of ± σ. */
  drawPosterior(context, i, opacity = 1) {
    const { explorer } = this;
    const deviations = explorer.deviations(i);
    if (!deviations) return;
    const [x, y] = explorer.toScreen(explorer.pointXY(i));
    const { scale } = explorer.view;
    context.beginPath();
    if (explorer.axes[1] === null) context.rect(x - deviations[0] * scale, y - 4, 2 * deviations[0] * scale, 8);
    else context.arc(x, y, Math.sqrt(deviations[0] * deviations[1]) * scale, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = explorer.labels.color(explorer.labelOf(i));
    context.globalAlpha = 0.16 * opacity;
    context.fill();
    context.globalAlpha = 0.9 * opacity;
    context.lineWidth = 1.3;
    context.stroke();
    context.globalAlpha = 1;
  }

  drawFront(context) {
    const { explorer } = this;
    const { theme, view } = explorer;
    context.clearRect(0, 0, view.size, view.size);
    if (explorer.path) this.drawPath(context, explorer.path);
    if (explorer.drawn && explorer.frame === null) paintPosterior(context, explorer);
    for (const point of new Set([explorer.selected, explorer.hovered])) {
      if (point === null) continue;
      if (explorer.frame === null) this.drawPosterior(context, point);
      context.lineWidth = 2;
      context.strokeStyle = theme.ink;
      context.beginPath();
      context.arc(...explorer.toScreen(explorer.pointXY(point)), 7.5, 0, 2 * Math.PI);
      context.stroke();
    }
    const [x, y] = explorer.toScreen(explorer.cursorXY());
    for (const [color, width] of [[theme.paper, 4], [theme.ink, 1.6]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 5 * dx, y + 5 * dy);
        context.lineTo(x + 13 * dx, y + 13 * dy);
      }
      context.stroke();
    }
    if (explorer.hovered !== null) this.drawTooltip(context, explorer.hovered);
  }

  /** The class of a point, above it or, at the upper edge, below it. */
  drawTooltip(context, point) {
    const { explorer } = this;
    const { view, theme } = explorer;
    const text = explorer.pointName(point);
    const [x, y] = explorer.toScreen(explorer.pointXY(point));
    context.save();
    context.font = "600 13px system-ui, sans-serif";
    const width = Math.min(context.measureText(text).width + 14, view.size);
    const left = clamp(x - width / 2, 0, view.size - width);
    const top = y > 42 ? y - 38 : y + 14;
    context.fillStyle = theme.ink;
    context.globalAlpha = 0.92;
    context.beginPath();
    if (context.roundRect) context.roundRect(left, top, width, 24, 6);
    else context.rect(left, top, width, 24); // Firefox before 112, Safari before 16
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = theme.paper;
    context.fillText(text, left + 7, top + 16.5, width - 14);
    context.restore();
  }

  drawPath(context, { from, to }) {
    const { theme, view } = this.explorer;
    const ends = [view.toScreen(from.xy), view.toScreen(to.xy)];
    for (const [color, width] of [[theme.paper, 5], [theme.accent, 2.2]]) {
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...ends[0]);
      context.lineTo(...ends[1]);
      context.stroke();
    }
    for (let k = 0; k < INTERPOLATION_IMAGES; k++) {
      const t = k / (INTERPOLATION_IMAGES - 1);
      const isEnd = k % (INTERPOLATION_IMAGES - 1) === 0;
      context.beginPath();
      context.arc(...ends[0].map((a, axis) => (1 - t) * a + t * ends[1][axis]), isEnd ? 4.5 : 2.6, 0, 2 * Math.PI);
      context.fill();
    }
  }
}
