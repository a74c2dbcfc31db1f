// Traversal strips: for each unit, images decoded along it, the other units as they are. A click sets the unit's value.
// A grid in place of the decoder varies two units only: strips of all units are then pictures that the page holds.
"use strict";

const TRAVERSAL_IMAGES = 9;
const MIN_TRAVERSAL_LIMIT = 3; // standard deviations of the prior

class Traversals {
  constructor(explorer) {
    this.explorer = explorer;
    this.stored = explorer.data.strips; // {units, count, limit, height, width, sprite}, or null
    this.images = this.stored?.count ?? TRAVERSAL_IMAGES;
    this.sliders = new Map(); // by unit: {row, input, output, context, limit}
    this.remaining = 0; // images that are older than the latest change of z
    this.next = 0; // index of the image that is decoded next, over all strips
    const box = byId("traversals");
    if (!box) return;
    for (const unit of this.ordered()) box.append(this.row(unit));
    this.units = [...this.sliders.keys()];
  }

  /** The units by decreasing KL; without a KL, by decreasing variance of their means. */
  ordered() {
    const { units, unitKl } = this.explorer.data;
    const shown = this.stored?.units ?? units;
    return unitKl ? [...shown].sort((a, b) => unitKl[units.indexOf(b)] - unitKl[units.indexOf(a)]) : [...shown];
  }

  row(unit) {
    const { data } = this.explorer;
    const kl = data.unitKl?.[data.units.indexOf(unit)];
    const limit = this.limit(unit);
    const { width, height } = this.stored ?? data.image;
    const canvas = element("canvas", { className: "image", width: this.images * width, height });
    canvas.setAttribute("aria-hidden", "true");
    const input = element("input", { type: "range", min: -limit, max: limit, step: limit / 120, value: 0, autocomplete: "off" });
    input.setAttribute("aria-label", `unit ${unit}${kl === undefined ? "" : `, KL ${kl.toFixed(2)} nats`}`);
    const name = element("span", { className: "name" }, `unit ${unit}`);
    if (kl !== undefined) name.append(element("small", { textContent: `${kl.toFixed(2)} nats` }));
    const output = element("output");
    input.addEventListener("input", () => this.explorer.setUnit(unit, Number(input.value)));
    input.disabled = !this.explorer.decodes([unit]);
    const track = element("span", { className: "track" }, canvas, element("i"), input);
    const row = element("label", { className: "traversal" }, name, track, output);
    this.sliders.set(unit, { row, track, input, output, context: canvas.getContext("2d"), limit });
    this.show(unit);
    return row;
  }

  /** Half the range of a strip: 3, or the largest mean of a test image. */
  limit(unit) {
    const { points } = this.explorer;
    if (this.stored) return this.stored.limit;
    let farthest = MIN_TRAVERSAL_LIMIT;
    for (let i = 0; i < points.count; i++) farthest = Math.max(farthest, Math.abs(points.at(i, unit)));
    return Math.ceil(farthest);
  }

  /** Shows the value of a unit at its strip. */
  show(unit) {
    const slider = this.sliders.get(unit);
    if (!slider) return;
    const value = this.explorer.z[unit];
    slider.input.value = value;
    slider.output.textContent = twoDecimals(value);
    const percent = 50 + (50 * clamp(value, -slider.limit, slider.limit)) / slider.limit;
    slider.track.style.setProperty("--at", `${percent}%`);
  }

  showAll() {
    for (const unit of this.sliders.keys()) this.show(unit);
  }

  markAxes() {
    for (const [unit, { row }] of this.sliders) row.classList.toggle("axis", this.explorer.axes.includes(unit));
  }

  /** All images are older than z; they are decoded again in turn, each at the value that z then has. */
  refresh() {
    if (this.stored) return this.drawStored();
    this.remaining = this.sliders.size * TRAVERSAL_IMAGES;
    this.noteOtherDecoder();
  }

  /** Draws the stored pictures, which do not change. */
  drawStored() {
    const { count, width, height, units } = this.stored, sprite = this.explorer.strips;
    if (this.isDrawn) return;
    this.isDrawn = true;
    units.forEach((unit, i) => {
      const { context } = this.sliders.get(unit);
      for (let k = 0; k < count; k++) context.drawImage(sprite.picture, ...sprite.offset(i * count + k), width, height, k * width, 0, width, height);
    });
  }

  /** States whose strips are not decoded by the decoder of the shown epoch, a grid over two units. */
  noteOtherDecoder() {
    const note = byId("strips-note"), { explorer } = this;
    if (!note) return;
    note.hidden = explorer.decodes(this.units);
    if (!note.hidden) note.textContent = `The strips of units other than ${explorer.decoder.units.join(" and ")} are those of the trained decoder.`;
  }

  /** Decodes images for the time of an animation frame. */
  draw() {
    const { explorer } = this;
    const until = performance.now() + MAX_DECODING_MS;
    const z = Float32Array.from(explorer.z);
    while (this.remaining > 0 && performance.now() < until) {
      const unit = this.units[Math.floor(this.next / TRAVERSAL_IMAGES)];
      const { context, limit } = this.sliders.get(unit);
      const k = this.next % TRAVERSAL_IMAGES;
      const decoder = explorer.decodes([unit]) ? explorer.decoder : explorer.trainedDecoder;
      z[unit] = ((2 * k + 1) / TRAVERSAL_IMAGES - 1) * limit;
      context.putImageData(explorer.imageData(decoder.decode(z)), k * explorer.data.image.width, 0);
      z[unit] = explorer.z[unit];
      this.next = (this.next + 1) % (this.units.length * TRAVERSAL_IMAGES);
      this.remaining--;
    }
    if (this.remaining > 0) explorer.invalidate("strips");
  }
}
