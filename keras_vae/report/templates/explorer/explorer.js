// The latent space explorer of a run page: its state, and which parts of the page a change draws again.
"use strict";

const MAX_DECODING_MS = 9; // per animation frame and part of the page
const MAX_PIXEL_DIFFERENCE = 2; // of 255, between this page and the model: float16 weights and rounding

class Explorer {
  constructor(data) {
    const { height, width } = data.image;
    const sprite = (described) => described && new Sprite(described, width, height);
    this.data = data;
    this.item = data.image.chart ? "row" : "image"; // a vector is a row, drawn as a chart
    this.total = data.latentShape.reduce((a, b) => a * b, 1);
    this.hasAllUnits = data.units.length === this.total;
    this.points = new Encodings(data.points, Array.from({ length: this.total }, (_, i) => i), data.units);
    this.codes = data.codes ? new Encodings(data.codes, data.units) : this.points; // more test images, without pictures
    this.recorded = data.trajectory && new Encodings(data.trajectory, data.trajectory.units);
    this.images = sprite(data.points.sprite);
    this.recordedImages = sprite(data.trajectory?.sprite);
    this.reconstructions = sprite(data.points.reconstructions);
    this.recordedReconstructions = data.reconstructions && new RecordedReconstructions(data.reconstructions, width, height);
    this.grid = sprite(data.grid?.sprite);
    this.strips = data.strips && new Sprite(data.strips.sprite, data.strips.width, data.strips.height);
    this.labels = new Labels(data);
    this.z = new Float32Array(this.total);
    const first = data.units.slice(0, 2).sort((a, b) => a - b);
    this.firstAxes = [first[0], first.length > 1 ? first[1] : null]; // a latent space of one unit has no second axis
    this.axes = [...this.firstAxes];
    this.view = new View();
    this.decoderKey = 0; // changes with the decoder
    this.background = "prior";
    this.showsPoints = true;
    this.label = null; // the highlighted label
    this.hovered = null; // index of the point under the pointer
    this.selected = null; // index of the selected point
    this.drawn = null; // posterior of a drawn image
    this.path = null; // interpolation path: {from, to}, each {xy, z, point}
    this.frame = null; // recorded frame that is shown; null for the trained model
    this.dirty = new Set(); // parts of the page that the next animation frame redraws
  }

  async start() {
    await Promise.all([this.images, this.recordedImages, this.grid, this.strips, this.reconstructions, this.recordedReconstructions].map((sprite) => sprite && sprite.ready));
    const { data } = this;
    if (data.decoder) {
      this.setDecoder(new LayerDecoder(data.decoder, data.latentShape));
    } else {
      const side = data.grid.side;
      const n = data.grid.units.length > 1 ? side * side : side;
      this.setDecoder(new GridDecoder(data.grid, this.grid.pixels(n, data.image.channels)));
    }
    this.trainedDecoder = this.decoder;
    this.history = data.trajectory && new DecoderHistory(this);
    await this.history?.ready;
    this.checkDecoder();
    this.plane = byId("plane");
    [this.back, this.front] = this.plane.querySelectorAll("canvas");
    this.backgrounds = new Backgrounds(this);
    this.painter = new PlanePainter(this);
    this.traversals = new Traversals(this);
    this.details = new Details(this);
    this.columns = data.columns && new Columns(this);
    this.interpolation = new Interpolation(this);
    this.training = this.recorded && new Training(this);
    this.setLimits();
    this.makeLegend();
    this.listen();
    this.pointer = new PointerInput(this);
    this.keyboard = new KeyboardInput(this);
    this.link = new Link(this);
    this.setFrame(null);
    this.traversals.markAxes();
    new ResizeObserver(() => this.resize()).observe(this.plane);
    this.resize();
    if (!data.drawing.obstacle) this.pad = new DrawingPad(this);
    this.link.read();
    this.invalidate("image", "near", "strip");
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

  /** Half the side of the whole view, in latent coordinates. */
  get limit() {
    return this.view.limit;
  }

  /** Pixels along a side of the plane. */
  get size() {
    return this.view.size;
  }

  /** The units of the axes: two, or one in a latent space of one unit. */
  get planeUnits() {
    return this.axes.filter((unit) => unit !== null);
  }

  /** The encodings that are shown: of the trained model, or of the recorded training. */
  get encodings() {
    return this.frame === null ? this.points : this.recorded;
  }

  /** The images of these encodings; null if the page holds none. */
  get sprite() {
    return this.frame === null ? this.images : this.recordedImages;
  }

  /** The number of recorded frames. */
  get frames() {
    return this.data.trajectory?.epochs.length ?? 0;
  }

  toScreen(xy) {
    return this.view.toScreen(xy);
  }

  toLatent(position) {
    return this.view.toLatent(position);
  }

  /** Computes half the side of the whole view, for the means of test images and for the recorded training. */
  setLimits() {
    const reach = [];
    for (let i = 0; i < this.codes.count; i++)
      for (const unit of this.planeUnits) reach.push(Math.abs(this.codes.at(i, unit)));
    this.trainedLimit = Math.max(2.4, 1.08 * quantile(reach, 0.998));
    this.recordedLimit = this.trainedLimit;
    if (!this.isRecorded()) return;
    const frames = this.data.trajectory.epochs.map((_, f) => {
      let farthest = 0;
      for (let i = 0; i < this.recorded.count; i++)
        for (const unit of this.planeUnits) farthest = Math.max(farthest, Math.abs(this.recorded.at(i, unit, f)));
      return farthest;
    });
    this.recordedLimit = Math.max(this.trainedLimit, 1.06 * quantile(frames, 0.85));
  }

  isRecorded() {
    return Boolean(this.recorded) && this.planeUnits.every((unit) => this.recorded.column.has(unit));
  }

  /** In a latent space of one unit, the vertical position of a point: the golden ratio spreads points evenly. */
  spread(i) {
    return (((i * 0.618034) % 1) * 1.6 - 0.8) * this.view.limit;
  }

  /** The coordinates of a point in the plane. */
  pointXY(i) {
    const frame = this.frame ?? 0;
    const y = this.axes[1] === null ? this.spread(i) : this.encodings.at(i, this.axes[1], frame);
    return [this.encodings.at(i, this.axes[0], frame), y];
  }

  deviations(i) {
    if (!this.encodings.logVar) return null;
    return this.axes.map((unit) => (unit === null ? 0 : this.encodings.std(i, unit, this.frame ?? 0)));
  }

  labelOf(i) {
    return this.encodings.labels ? this.encodings.labels[i] : null;
  }

  /** What a point is called: by its class, or without labels by its number. */
  pointName(i) {
    const label = this.labelOf(i);
    return label === null ? `${this.item} ${i}` : `label ${this.labels.nameOf(label)}`;
  }

  /** The posterior mean of a test image over all units. */
  meanOf(i) {
    return this.points.mean.slice(i * this.total, (i + 1) * this.total);
  }

  /** The posterior mean of a recorded image in the shown frame, over all units. */
  recordedMeanOf(i) {
    return Float32Array.from({ length: this.total }, (_, unit) => this.recorded.at(i, unit, this.frame));
  }

  /** Losses of a test image in nats at its posterior mean; null where the page cannot compute one. */
  lossesOf(i) {
    const { likelihood, beta } = this.data;
    const kl = this.data.prior ? null : this.points.kl(i); // that from a learned prior has no closed form
    const [image] = this.images.pixels(1, this.data.image.channels, i);
    const reconstruction = reconstructionLoss(likelihood, image, this.decoder.logits?.(this.meanOf(i)), 255);
    const isComplete = kl !== null && reconstruction !== null && beta !== null && this.hasAllUnits;
    return { kl, reconstruction, loss: isComplete ? reconstruction + beta * kl : null };
  }

  /** Whether decoded images follow the values of some units: a grid in place of a decoder varies two units only. */
  decodes(units) {
    return !this.decoder.units || units.every((unit) => unit === null || this.decoder.units.includes(unit));
  }

  /** The latent coordinates of the cursor. */
  cursorXY() {
    return [this.z[this.axes[0]], this.axes[1] === null ? 0 : this.z[this.axes[1]]];
  }

  /** The point nearest to a position in pixels; null if none is within a distance. */
  nearest([x, y], within, horizontalOnly = false) {
    if (!this.showsPoints && this.frame === null) return null;
    let best = null, least = within ** 2;
    for (let i = 0; i < this.encodings.count; i++) {
      if (this.label !== null && this.labelOf(i) !== this.label) continue;
      const [px, py] = this.toScreen(this.pointXY(i));
      const distance = (px - x) ** 2 + (horizontalOnly ? 0 : (py - y) ** 2);
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  /** The point nearest to the cursor; with a single axis, vertical distance is ignored. */
  nearestToCursor(within) {
    return this.nearest(this.toScreen(this.cursorXY()), within, this.axes[1] === null);
  }

  /** An end of an interpolation: the mean of a test image over all units if one is near, else the latent point itself. */
  end(position, within) {
    const point = this.frame === null ? this.nearest(position, within) : null;
    if (point !== null) return { xy: this.pointXY(point), z: this.meanOf(point), point };
    const xy = this.toLatent(position);
    const z = Float32Array.from(this.z);
    z[this.axes[0]] = xy[0];
    if (this.axes[1] !== null) z[this.axes[1]] = xy[1];
    return { xy, z, point: null };
  }

  // -- drawing: invalidated parts, once per animation frame -----------------------------------------------

  invalidate(...parts) {
    if (!this.dirty.size) requestAnimationFrame(() => this.draw());
    for (const part of parts) this.dirty.add(part);
  }

  draw() {
    if (!this.size) return; // no layout yet: `resize` draws what is invalidated until then
    const parts = new Set(this.dirty);
    this.dirty.clear();
    if (parts.has("back")) {
      this.readColors();
      this.painter.drawBack(this.back.getContext("2d"));
    }
    if (parts.has("front")) this.painter.drawFront(this.front.getContext("2d"));
    if (parts.has("image")) this.details.drawDecoded();
    if (parts.has("image")) this.details.drawNearest();
    if (parts.has("near")) this.details.drawNear();
    if (parts.has("strip")) this.interpolation.draw();
    if (parts.has("image")) this.traversals.refresh();
    if (parts.has("image") || parts.has("strips")) this.traversals.draw();
  }

  resize() {
    const size = this.plane.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    if (!size) return;
    const pixels = Math.round(size * ratio);
    if (size === this.view.size && pixels === this.back.width) return; // setting the width would clear the canvas
    this.view.size = size;
    for (const canvas of [this.back, this.front]) {
      canvas.width = canvas.height = pixels;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.invalidate("back", "front");
    this.draw(); // setting the width cleared the canvases: in the next animation frame, one blank frame would be shown
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    this.theme = { ink: value("--ink"), soft: value("--soft"), paper: value("--plane"), accent: value("--accent"), prior: value("--prior"), aggregate: value("--aggregate-posterior") };
    this.isDark = value("--is-dark") === "1";
  }

  imageData(pixels) {
    const { width, height, channels, chart } = this.data.image;
    if (chart && pixels.length === chart.columns) pixels = barChart(pixels, width, height, chart);
    const image = new ImageData(width, height);
    for (let p = 0; p < width * height; p++) {
      for (let c = 0; c < 3; c++) image.data[4 * p + c] = pixels[p * channels + (channels > 2 ? c : 0)];
      image.data[4 * p + 3] = 255;
    }
    return image;
  }

  // -- changes of the state -------------------------------------------------------------------------------

  /** Replaces the decoder of all decoded images. */
  setDecoder(decoder) {
    if (decoder === this.decoder) return;
    this.decoder = decoder;
    this.decoderKey++;
    if (this.path) this.path.drawn = 0;
    this.invalidate("image", "near", "strip");
    if (this.background === "manifold") this.invalidate("back");
  }

  /** Shows the posterior of a drawn image, {mean, std, z, color}, in the plane of the trained model; null hides it. */
  showPosterior(drawn) {
    this.drawn = drawn;
    if (drawn && this.frame !== null) {
      this.training.stop();
      this.setFrame(null);
    }
    this.invalidate("front");
  }

  /** The latent point or a unit has changed; `isElsewhere`: another unit than those of the axes. */
  changedZ(isElsewhere = false) {
    this.invalidate("front", "image");
    if (isElsewhere && this.background === "manifold") this.invalidate("back");
    this.link?.write();
  }

  moveTo([x, y]) {
    this.z[this.axes[0]] = x;
    if (this.axes[1] !== null) this.z[this.axes[1]] = y;
    this.changedZ();
  }

  setUnit(unit, value) {
    this.z[unit] = value;
    this.traversals.show(unit);
    this.changedZ(true);
  }

  setAll(z) {
    this.z.set(z);
    this.traversals.showAll();
    this.changedZ(true);
  }

  /** Moves the cursor to a point and selects it. */
  goTo(point) {
    if (this.frame === null) this.setAll(this.meanOf(point));
    else this.moveTo(this.pointXY(point));
    this.select(point);
  }

  hover(point) {
    if (point === this.hovered) return;
    this.hovered = point;
    this.invalidate("front", "near");
  }

  select(point) {
    this.selected = point;
    this.invalidate("front", "near");
    this.link?.write();
  }

  /** Starts an interpolation; `isAnnounced`: read out by a screen reader once it is drawn. */
  setPath(from, to, isAnnounced = false) {
    this.path = { from, to, drawn: 0, isAnnounced };
    this.invalidate("front", "strip");
  }

  clearPath() {
    this.path = null;
    if (this.keyboard) this.keyboard.anchor = null;
    this.invalidate("front", "strip");
  }

  /** Applies a function to the view. */
  changeView(change) {
    change(this.view);
    if (this.axes[1] === null) this.view.center[1] = 0;
    byId("reset-view").disabled = this.view.isReset;
    this.invalidate("back", "front");
    this.link?.write();
  }

  setBackground(name) {
    const input = document.querySelector(`[name=background][value="${CSS.escape(name)}"]`);
    if (!input || input.disabled) return;
    input.checked = true;
    this.background = name;
    this.invalidate("back");
    this.link?.write();
  }

  /** Offers the background of decoded images where they vary along both axes. */
  offerManifold() {
    const input = document.querySelector("[name=background][value=manifold]");
    input.disabled = !this.decodes(this.axes);
    const name = input.nextElementSibling;
    name.dataset.title ??= name.title;
    name.title = input.disabled ? `decoded ${this.item}s vary with units ${this.decoder.units.join(" and ")} only` : name.dataset.title;
    if (input.disabled && this.background === "manifold") this.setBackground("prior");
  }

  showPoints(isShown) {
    byId("show-points").checked = this.showsPoints = isShown;
    this.invalidate("back");
    this.link?.write();
  }

  /** Highlights the points of a label; of all labels for null. */
  setLabel(label) {
    this.label = label;
    for (const [own, button] of this.legend) button.setAttribute("aria-pressed", String(own === label));
    this.invalidate("back");
    this.link?.write();
  }

  setAxes(axes) {
    this.axes = axes;
    if (byId("axis-x")) [byId("axis-x").value, byId("axis-y").value] = axes;
    this.clearPath();
    this.view.reset();
    this.setLimits();
    this.setFrame(null);
    this.traversals.markAxes();
    this.offerManifold();
    this.invalidate("back", "front", "image", "near");
    this.link?.write();
  }

  /** Shows a recorded frame; for null or a frame after the last, the test images of the trained model. */
  setFrame(frame) {
    const next = frame === null || frame >= this.frames || !this.isRecorded() ? null : frame;
    if ((next === null) !== (this.frame === null)) { // the points differ
      this.hovered = this.selected = null;
      this.clearPath();
    }
    this.frame = next;
    this.view.limit = next === null ? this.trainedLimit : this.recordedLimit;
    this.history?.show(next);
    this.training?.show(next);
    this.invalidate("back", "front", "near", "image");
    this.link?.write();
  }

  // -- controls -------------------------------------------------------------------------------------------

  listen() {
    for (const input of document.querySelectorAll("[name=background]"))
      input.addEventListener("change", () => this.setBackground(input.value));
    byId("show-points").addEventListener("change", (event) => this.showPoints(event.target.checked));
    document.addEventListener("themechange", () => this.invalidate("back", "front"));
    byId("axis-x")?.addEventListener("change", () => this.changeAxes(0));
    byId("axis-y")?.addEventListener("change", () => this.changeAxes(1));
    byId("use-selected")?.addEventListener("click", () => this.setAll(this.meanOf(this.selected)));
    byId("zero")?.addEventListener("click", () => this.setAll(new Float32Array(this.total)));
    const middle = () => [this.size / 2, this.size / 2];
    byId("zoom-in").addEventListener("click", () => this.changeView((view) => view.zoomAt(middle(), KEY_ZOOM ** 2)));
    byId("zoom-out").addEventListener("click", () => this.changeView((view) => view.zoomAt(middle(), KEY_ZOOM ** -2)));
    byId("reset-view").addEventListener("click", () => this.changeView((view) => view.reset()));
  }

  changeAxes(which) {
    const unit = Number(byId(which ? "axis-y" : "axis-x").value);
    const axes = [...this.axes];
    if (unit === axes[1 - which]) axes[1 - which] = axes[which]; // the axes are swapped
    axes[which] = unit;
    this.setAxes(axes);
  }

  makeLegend() {
    const legend = byId("legend");
    this.legend = new Map(); // by label: its button
    if (!this.points.labels) return legend.remove();
    for (const label of [...new Set(this.points.labels)].sort((a, b) => a - b)) {
      const name = element("span", { textContent: this.labels.nameOf(label) });
      const button = element("button", { type: "button", title: name.textContent }, this.labels.marker(label), name); // a long name is cut in the legend
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => this.setLabel(this.label === label ? null : label));
      this.legend.set(label, button);
      legend.append(button);
    }
  }

  /** The pixels, 0 to 255, decoded at a latent point; for use in the console. */
  decode(z) {
    return this.decoder.decode(Float32Array.from(z));
  }
}

async function startExplorer() {
  const explorer = new Explorer(JSON.parse(byId("explorer-data").textContent));
  await explorer.start();
  window.explorer = explorer;
  byId("explorer").classList.add("ready");
}

/** Replaces the explorer, whose controls would not answer, by a sentence with the error that stopped it. */
function showFailure(error) {
  console.error(error);
  const text = `The explorer cannot be shown in this browser: ${error?.message ?? error}. The other sections do not need it.`;
  const sentence = element("p", { className: "note" }, text);
  sentence.setAttribute("role", "alert");
  byId("explorer").replaceChildren(byId("explorer-title"), sentence);
}

if (byId("explorer-data")) startExplorer().catch(showFailure);
