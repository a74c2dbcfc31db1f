// Markers of labels: labels of one colour, and labels of similar colours among the first ten, have different shapes.
"use strict";

// Each function traces a marker around (x, y).
const MARKERS = {
  circle: (c, x, y, r) => c.arc(x, y, r, 0, 2 * Math.PI),
  square: (c, x, y, r) => c.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r),
  triangle: (c, x, y, r) => polygon(c, x, y, 1.25 * r, 3, -Math.PI / 2),
  diamond: (c, x, y, r) => polygon(c, x, y, 1.25 * r, 4, 0),
  wedge: (c, x, y, r) => polygon(c, x, y, 1.25 * r, 3, Math.PI / 2),
  plus: (c, x, y, r) => bars(c, x, y, 1.15 * r, 0),
  cross: (c, x, y, r) => bars(c, x, y, 1.15 * r, Math.PI / 4),
};

/** Two crossing bars, as the outline of one shape. */
function bars(context, x, y, r, turn) {
  const half = 0.4 * r; // of the width of a bar
  for (let i = 0; i < 12; i++) {
    const quarter = Math.floor(i / 3) * (Math.PI / 2) + turn;
    const [u, v] = [[r, -half], [r, half], [half, half]][i % 3];
    const corner = [x + u * Math.cos(quarter) - v * Math.sin(quarter), y + u * Math.sin(quarter) + v * Math.cos(quarter)];
    context[i ? "lineTo" : "moveTo"](...corner);
  }
  context.closePath();
}

function polygon(context, x, y, r, corners, turn) {
  for (let i = 0; i < corners; i++) {
    const angle = turn + (2 * Math.PI * i) / corners;
    context[i ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  context.closePath();
}

/** The colours, the shapes and the names of labels. */
class Labels {
  constructor({ colors, shapes, classNames }) {
    Object.assign(this, { colors, shapes, classNames });
  }

  color(label) {
    return this.colors[cycle(label, this.colors.length)];
  }

  /** The shape of a label: where the colours begin again, it is another one. */
  shape(label) {
    return this.shapes[cycle(label, this.shapes.length)];
  }

  /** Traces the marker of a label around a point. */
  trace(context, label, [x, y], r) {
    MARKERS[this.shape(label)](context, x, y, r);
  }

  /** The name of a label's class; the label itself, where classes have no names. */
  nameOf(label) {
    return this.classNames?.[label] ?? String(label);
  }

  /** The marker of a label as a small canvas, for legends. */
  marker(label) {
    const canvas = element("canvas", { width: 32, height: 32 });
    const context = canvas.getContext("2d");
    context.fillStyle = this.color(label);
    context.beginPath();
    this.trace(context, label, [16, 16], 10);
    context.fill();
    return canvas;
  }
}
