// The interpolation: images decoded along a line between two latent points.
"use strict";

const INTERPOLATION_IMAGES = 9;

class Interpolation {
  constructor(explorer) {
    this.explorer = explorer;
    const { width, height } = explorer.data.image;
    const strip = byId("strip");
    [strip.width, strip.height] = [INTERPOLATION_IMAGES * width, height];
    this.context = strip.getContext("2d");
    this.hint = byId("strip-text").textContent;
  }

  /** The images of the path; those that exceed the time of a frame are decoded in the next frames. */
  draw() {
    const { explorer } = this;
    const { path } = explorer;
    if (!path) return this.drawEmpty();
    const { from, to } = path;
    const until = performance.now() + MAX_DECODING_MS;
    for (; path.drawn < INTERPOLATION_IMAGES && performance.now() < until; path.drawn++) {
      const t = path.drawn / (INTERPOLATION_IMAGES - 1);
      const z = from.z.map((a, i) => (1 - t) * a + t * to.z[i]);
      this.context.putImageData(explorer.imageData(explorer.decoder.decode(z)), path.drawn * explorer.data.image.width, 0);
    }
    if (path.drawn < INTERPOLATION_IMAGES) explorer.invalidate("strip");
    const { units } = explorer.decoder; // of a grid, which decodes the others at 0
    const partial = units && units.length < explorer.total ? ` Only unit ${units.join(" and unit ")} vary; the others are 0.` : "";
    const text = `Linear interpolation from ${this.nameOf(from)} to ${this.nameOf(to)}, both included.${partial}`;
    byId("strip-text").textContent = text;
    byId("strip").setAttribute("aria-label", `${INTERPOLATION_IMAGES} decoded images from ${this.nameOf(from)} to ${this.nameOf(to)}`);
    byId("strip-figure").classList.remove("empty");
    if (path.drawn === INTERPOLATION_IMAGES && path.isAnnounced) byId("announcement").textContent = text;
  }

  drawEmpty() {
    const strip = byId("strip");
    this.context.clearRect(0, 0, strip.width, strip.height);
    strip.setAttribute("aria-label", "No interpolation yet");
    byId("strip-text").textContent = this.hint;
    byId("strip-figure").classList.add("empty");
  }

  nameOf({ point, xy }) {
    const { explorer } = this;
    if (point === null) return `(${xy.slice(0, explorer.planeUnits.length).map(twoDecimals).join(", ")})`;
    const label = explorer.points.labels ? explorer.points.labels[point] : null;
    return label === null ? `test ${explorer.item} ${point}` : `test ${explorer.item} ${point} (label ${explorer.labels.nameOf(label)})`;
  }
}
