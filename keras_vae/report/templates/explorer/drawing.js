// The drawing pad: an image that a reader draws or opens, its posterior on the plane, and its loss.
"use strict";

const MNIST = { digit: 20, centre: 14.5 }; // pixels: the longer side of a digit, and where its centre of mass is put
const LINE_WIDTH = 2.6 / 28; // of the image's shorter side: the median over MNIST's ones
const SUPERSAMPLED_SIDE = 224; // pixels, about, from which the drawn image is averaged
const MAX_ENLARGEMENT = 3; // of a small drawing, so that a point stays a point
const BACKGROUND_SHARE = 0.15; // of the grey range of a photograph that counts as its background
const MAX_ENCODING_DIFFERENCE = 0.02; // standard deviations of the prior: float16 weights

/** Pixels from 0 to 1, row by row, of strokes in pad coordinates from 0 to 1. */
function rasterise(strokes, { width, height }, isCentred) {
  const factor = Math.max(1, Math.round(SUPERSAMPLED_SIDE / Math.max(width, height)));
  const line = LINE_WIDTH * Math.min(width, height);
  let place = { scale: Math.max(width, height), x: 0, y: 0 };
  if (isCentred) {
    const points = strokes.flat(), [xs, ys] = [0, 1].map((k) => points.map((point) => point[k]));
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const extent = Math.max(right - left, bottom - top);
    const scale = Math.min((MNIST.digit - line) / extent, MAX_ENLARGEMENT * width);
    place = { scale, x: width / 2 - (scale * (left + right)) / 2, y: height / 2 - (scale * (top + bottom)) / 2 };
    const centre = centreOfMass(paint(strokes, place, line, width, height, factor), width);
    // MNIST's digits were moved by whole pixels; the pixel of index 14 covers 14 to 15.
    place.x += MNIST.centre - centre[0];
    place.y += MNIST.centre - centre[1];
  }
  return paint(strokes, place, line, width, height, factor);
}

/** Strokes as anti-aliased pixels: the mean over factor × factor finer ones. */
function paint(strokes, { scale, x, y }, line, width, height, factor) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * factor, height * factor];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(factor * scale, 0, 0, factor * scale, factor * x, factor * y);
  context.lineWidth = line / scale;
  context.strokeStyle = "#fff";
  traceStrokes(context, strokes);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Float32Array(width * height);
  for (let r = 0; r < canvas.height; r++)
    for (let c = 0; c < canvas.width; c++)
      pixels[Math.floor(r / factor) * width + Math.floor(c / factor)] += data[4 * (r * canvas.width + c) + 3] / 255;
  return pixels.map((sum) => Math.round((255 * sum) / factor ** 2) / 255); // grey levels, as in the data
}

/** Draws strokes as smooth curves through the middles of their segments. */
function traceStrokes(context, strokes) {
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (let i = 1; i < stroke.length; i++) {
      const [before, here] = [stroke[i - 1], stroke[i]];
      context.quadraticCurveTo(...before, (before[0] + here[0]) / 2, (before[1] + here[1]) / 2);
    }
    context.lineTo(...stroke[stroke.length - 1]);
    context.stroke();
  }
}

/** The centre of mass of grey pixels, in pixels from the left and upper edge. */
function centreOfMass(pixels, width) {
  let mass = 0, x = 0, y = 0;
  pixels.forEach((value, i) => {
    mass += value;
    x += value * ((i % width) + 0.5);
    y += value * (Math.floor(i / width) + 0.5);
  });
  return mass ? [x / mass, y / mass] : [width / 2, pixels.length / width / 2];
}

/** Pixels from 0 to 1 of an opened picture, height × width × channels; one of the model's size is used as it is. */
function pixelsOf(picture, { width, height, channels }, isCentred, isDark) {
  const isExact = picture.width === width && picture.height === height;
  if (isExact || channels > 1) return sampled(picture, coveringBox(picture, width, height), width, height, channels);
  const side = Math.min(1, 512 / Math.max(picture.width, picture.height));
  const [w, h] = [picture.width, picture.height].map((length) => Math.max(1, Math.round(side * length)));
  const grey = stretched(sampled(picture, [0, 0, picture.width, picture.height], w, h, 1), w, h, isDark);
  if (!isCentred) return sampled(greyCanvas(grey, w, h), coveringBox({ width: w, height: h }, width, height), width, height, 1);
  return centredDigit(greyCanvas(grey, w, h), inkBox(grey, w), width, height);
}

/** The part [x, y, width, height] of a picture, of the shape of the image, that is as large as possible. */
function coveringBox(picture, width, height) {
  const scale = Math.min(picture.width / width, picture.height / height);
  return [(picture.width - scale * width) / 2, (picture.height - scale * height) / 2, scale * width, scale * height];
}

/** A part of a picture at another size; halved repeatedly, since browsers sample only a few pixels. */
function sampled(picture, [x, y, w, h], width, height, channels) {
  let source = picture, box = [x, y, w, h];
  while (box[2] > 2 * width && box[3] > 2 * height) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.ceil(box[2] / 2), Math.ceil(box[3] / 2)];
    canvas.getContext("2d").drawImage(source, ...box, 0, 0, canvas.width, canvas.height);
    [source, box] = [canvas, [0, 0, canvas.width, canvas.height]];
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // below transparent pixels
  context.fillRect(0, 0, width, height);
  context.drawImage(source, ...box, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Float32Array(width * height * channels);
  for (let p = 0; p < width * height; p++) {
    const rgb = [data[4 * p], data[4 * p + 1], data[4 * p + 2]];
    if (channels > 1) rgb.forEach((value, c) => { pixels[p * channels + c] = value / 255; });
    else pixels[p] = Math.round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255;
  }
  return pixels;
}

/** Grey pixels over the full range, with a background as dark or as bright as that of the data. */
function stretched(grey, width, height, isDark) {
  const border = grey.filter((_, i) => i < width || i >= width * (height - 1) || i % width === 0 || i % width === width - 1);
  const background = border.sort()[border.length >> 1];
  const isInverted = isDark === background > 0.5;
  const values = isInverted ? grey.map((value) => 1 - value) : grey;
  const [low, high] = [values.reduce((a, b) => Math.min(a, b), 1), values.reduce((a, b) => Math.max(a, b), 0)];
  const cut = (value) => Math.min(Math.max((value - BACKGROUND_SHARE) / (1 - 2 * BACKGROUND_SHARE), 0), 1);
  return values.map((value) => cut((value - low) / Math.max(high - low, 1 / 255)));
}

function greyCanvas(grey, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  grey.forEach((value, p) => image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * p));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The box [x, y, width, height] of the pixels that are not black. */
function inkBox(grey, width) {
  let [left, right, top, bottom] = [width, -1, grey.length / width, -1];
  grey.forEach((value, i) => {
    if (value < 0.5) return;
    [left, right] = [Math.min(left, i % width), Math.max(right, i % width)];
    [top, bottom] = [Math.min(top, Math.floor(i / width)), Math.max(bottom, Math.floor(i / width))];
  });
  return right < 0 ? [0, 0, width, grey.length / width] : [left, top, right - left + 1, bottom - top + 1];
}

/** A digit scaled to 20 pixels, with its centre of mass where MNIST has it. */
function centredDigit(canvas, box, width, height) {
  const scale = MNIST.digit / Math.max(box[2], box[3]);
  const [w, h] = [Math.max(1, Math.round(scale * box[2])), Math.max(1, Math.round(scale * box[3]))];
  const digit = sampled(canvas, box, w, h, 1);
  const centre = centreOfMass(digit, w);
  const shift = [Math.round(MNIST.centre - centre[0]), Math.round(MNIST.centre - centre[1])];
  const pixels = new Float32Array(width * height);
  digit.forEach((value, i) => {
    const [x, y] = [(i % w) + shift[0], Math.floor(i / w) + shift[1]];
    if (x >= 0 && y >= 0 && x < width && y < height) pixels[y * width + x] = value;
  });
  return pixels;
}

/** A standard normal number (Box and Muller 1958). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** Encodes what a reader draws or opens, and shows its posterior on the plane of an explorer. */
class DrawingPad {
  constructor(explorer) {
    this.explorer = explorer;
    const { drawing, image, latentShape } = explorer.data;
    this.image = image;
    this.encoder = new LayerEncoder(drawing, [image.height, image.width, image.channels], explorer.total);
    this.strokes = [];
    this.pixels = null; // of the drawn or opened image
    this.canvas = byId("pad");
    for (const id of ["drawn-image", "drawn-decoded"])
      [byId(id).width, byId(id).height] = [image.width, image.height];
    byId("pad-box").style.aspectRatio = `${image.width} / ${image.height}`;
    this.isDark = this.borderMean() < 0.5;
    this.check();
    this.listen();
    new ResizeObserver(() => this.drawPad()).observe(this.canvas);
    document.addEventListener("themechange", () => this.drawPad());
  }

  /** The mean of the pixels at the edges of the test images. */
  borderMean() {
    const { width, height, channels } = this.image;
    const images = this.explorer.images.pixels(Math.min(20, this.explorer.points.count), channels);
    const edge = images.flatMap((pixels) => Array.from(pixels.subarray(0, width * channels)).concat(Array.from(pixels.subarray((height - 1) * width * channels))));
    return edge.reduce((a, b) => a + b, 0) / edge.length / 255;
  }

  /** Compares the posteriors of some test images with those of the model, and shows the largest difference. */
  check() {
    const { drawing, image } = this.explorer.data;
    const [mean, logVar] = [drawing.check.mean, drawing.check.logVar].map((text) => text && new Float32Array(bytesOf(text).buffer));
    const n = mean.length / this.explorer.total;
    const images = this.explorer.images.pixels(n, image.channels);
    this.difference = 0;
    images.forEach((pixels, k) => {
      const encoded = this.encoder.encode(Float32Array.from(pixels, (value) => value / 255));
      encoded.mean.forEach((value, i) => {
        const at = k * this.explorer.total + i;
        this.difference = Math.max(this.difference, Math.abs(value - mean[at]) / Math.max(1, Math.abs(mean[at])));
        if (logVar) this.difference = Math.max(this.difference, Math.abs(Math.exp(0.5 * encoded.logVar[i]) - Math.exp(0.5 * logVar[at])));
      });
    });
    const size = this.difference.toFixed(4);
    const what = logVar ? "means and standard deviations differ" : "means differ";
    byId("encoder-check").textContent =
      this.difference <= MAX_ENCODING_DIFFERENCE
        ? `Encoder checked in this browser: for ${n} test images, ${what} from the model’s by at most ${size}.`
        : `Warning: in this browser, for ${n} test images, ${what} from the model’s by up to ${size}.`;
  }

  listen() {
    const { canvas } = this, box = byId("drawing"); // larger than the pad: a file dropped beside it would replace the page
    byId("pad-box").classList.toggle("drawn-on", this.image.channels === 1);
    if (this.image.channels === 1) {
      canvas.addEventListener("pointerdown", (event) => this.press(event));
      canvas.addEventListener("pointermove", (event) => this.move(event));
      for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, () => { this.isDrawing = false; });
    }
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      this.open(event.dataTransfer.files[0]);
    });
    byId("drawn-file").addEventListener("change", (event) => {
      this.open(event.target.files[0]);
      event.target.value = ""; // the same file can be opened again
    });
    byId("resample").addEventListener("click", () => this.resample());
    byId("clear-drawing").addEventListener("click", () => this.clear());
  }

  position(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const side = Math.max(width, height);
    return [(event.clientX - left) / side, (event.clientY - top) / side];
  }

  press(event) {
    if (event.button) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    if (!this.strokes.length) this.picture = null; // the drawing replaces an opened image
    this.isDrawing = true;
    this.strokes.push([this.position(event)]);
    this.invalidate();
  }

  move(event) {
    if (!this.isDrawing) return;
    const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    this.strokes[this.strokes.length - 1].push(...(events.length ? events : [event]).map((one) => this.position(one)));
    this.invalidate();
  }

  /** Encodes the strokes in the next animation frame. */
  invalidate() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      if (!this.strokes.length) return; // cleared in between
      this.encode(rasterise(this.strokes, this.image, this.explorer.data.drawing.isCentred));
      this.drawPad();
    });
  }

  /** Encodes an image file. */
  async open(file) {
    if (!file) return;
    const reader = new FileReader();
    const picture = new Image();
    try {
      picture.src = await new Promise((done, fail) => {
        reader.onload = () => done(reader.result);
        reader.onerror = fail;
        reader.readAsDataURL(file);
      });
      await picture.decode();
    } catch {
      byId("drawn-loss").textContent = `${file.name} is not an image that this browser can open.`;
      return;
    }
    this.strokes = [];
    this.picture = picture;
    this.encode(pixelsOf(picture, this.image, this.explorer.data.drawing.isCentred, this.isDark));
    this.drawPad();
  }

  clear() {
    this.strokes = [];
    this.pixels = this.picture = this.posterior = null;
    for (const id of ["drawn-image", "drawn-decoded"])
      byId(id).getContext("2d").clearRect(0, 0, this.image.width, this.image.height);
    byId("drawn-loss").textContent = "";
    for (const id of ["resample", "clear-drawing"]) byId(id).disabled = true;
    this.explorer.showPosterior(null);
    byId("drawing").classList.add("empty");
    this.drawPad();
  }

  /** Shows the posterior of an image, pixels from 0 to 1, and what is decoded from its mean. */
  encode(pixels) {
    this.pixels = pixels;
    this.posterior = this.encoder.encode(pixels);
    byId("drawing").classList.remove("empty");
    for (const id of ["resample", "clear-drawing"]) byId(id).disabled = false;
    byId("drawn-image").getContext("2d").putImageData(this.explorer.imageData(Uint8ClampedArray.from(pixels, (value) => 255 * value)), 0, 0);
    this.show(this.posterior.mean);
  }

  /** Decodes another sample of the posterior. */
  resample() {
    const { mean, logVar } = this.posterior;
    this.show(mean.map((value, i) => value + Math.exp(0.5 * logVar[i]) * normal()));
  }

  /** Shows the posterior and what is decoded from z, its mean or a sample. */
  show(z) {
    const { explorer, posterior } = this;
    this.z = z;
    explorer.showPosterior({
      mean: posterior.mean,
      std: posterior.logVar && posterior.logVar.map((value) => Math.exp(0.5 * value)),
      z: z === posterior.mean ? null : z,
      color: explorer.data.drawing.color,
    });
    const decoder = explorer.trainedDecoder;
    byId("drawn-decoded").getContext("2d").putImageData(explorer.imageData(decoder.decode(z)), 0, 0);
    this.showLoss(reconstructionLoss(this.encoder.likelihood, this.pixels, decoder.logits?.(z)));
  }

  /** Writes the parts of the loss, in nats, as far as the page can compute them. */
  showLoss(reconstruction) {
    const { encoder } = this;
    const penalty = encoder.penalty(this.posterior);
    const isPartial = encoder.has_penalty && (penalty === null || encoder.beta === null);
    const loss = reconstruction === null || isPartial
      ? null
      : reconstruction + (penalty === null ? 0 : encoder.beta * penalty);
    this.loss = { reconstruction, penalty, loss };
    const weight = loss === null || encoder.beta === 1 || penalty === null ? "" : ` (β = ${+encoder.beta.toPrecision(3)})`;
    const source = this.z === this.posterior.mean ? "mean" : "sample";
    const parts = [[`reconstruction (${source})`, reconstruction], [encoder.divergence === "kl" ? "KL" : "penalty", penalty], [`loss${weight}`, loss]];
    const box = byId("drawn-loss");
    box.replaceChildren();
    for (const [name, value] of parts.filter((part) => part[1] !== null)) {
      const number = Object.assign(document.createElement("b"), { textContent: value.toFixed(1).replace("-", "−") });
      const part = document.createElement("span");
      part.append(`${name} `, number);
      box.append(part);
    }
    if (box.childElementCount) box.lastChild.append(" nats");
    else box.textContent = "The page cannot compute this model’s loss.";
  }

  /** Draws the strokes, or the opened image, as the reader made them. */
  drawPad() {
    const { canvas } = this, ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * ratio)));
    const context = canvas.getContext("2d");
    byId("pad-hint").hidden = Boolean(this.strokes.length || this.picture);
    if (this.picture) {
      const box = coveringBox(canvas, this.picture.width, this.picture.height);
      const scale = Math.min(canvas.width / this.picture.width, canvas.height / this.picture.height);
      context.drawImage(this.picture, box[0], box[1], scale * this.picture.width, scale * this.picture.height);
      return;
    }
    const side = Math.max(canvas.width, canvas.height);
    context.setTransform(side, 0, 0, side, 0, 0);
    context.lineWidth = LINE_WIDTH * Math.min(this.image.width, this.image.height) / Math.max(this.image.width, this.image.height);
    context.strokeStyle = getComputedStyle(canvas).color;
    if (this.strokes.length) traceStrokes(context, this.strokes);
  }
}

/** Draws the posterior of the drawn image in the plane: its mean, an ellipse of ± σ, and the decoded sample. */
function paintPosterior(context, explorer) {
  const { mean, std, z, color } = explorer.drawn;
  const at = (values) => explorer.toScreen([values[explorer.axes[0]], explorer.axes[1] === null ? 0 : values[explorer.axes[1]]]);
  const inside = (place) => place.map((value) => clamp(value, 9, explorer.size - 9));
  const place = at(mean), shown = inside(place);
  const unit = Math.abs(explorer.toScreen([1, 0])[0] - explorer.toScreen([0, 0])[0]); // pixels
  context.save();
  if (std) {
    const radii = explorer.axes.map((axis) => (axis === null ? 0.25 : std[axis]) * unit);
    context.beginPath();
    context.ellipse(...place, radii[0], radii[1], 0, 0, 2 * Math.PI);
    context.globalAlpha = 0.25;
    context.fillStyle = color;
    context.fill();
    context.globalAlpha = 1;
    for (const [stroke, width] of [[explorer.theme.paper, 5], [color, 2.5]]) {
      [context.strokeStyle, context.lineWidth] = [stroke, width];
      context.stroke();
    }
  }
  const dot = (where, radius, fill) => {
    context.beginPath();
    context.arc(...where, radius, 0, 2 * Math.PI);
    [context.fillStyle, context.strokeStyle, context.lineWidth] = [fill, explorer.theme.paper, 2];
    context.fill();
    context.stroke();
  };
  dot(shown, 5.5, color);
  if (z) dot(inside(at(z)), 4, explorer.theme.ink);
  const isOutside = shown[0] !== place[0] || shown[1] !== place[1];
  context.font = "600 12px system-ui, sans-serif";
  const isLeft = shown[0] < explorer.size - 110;
  context.textAlign = isLeft ? "left" : "right";
  context.lineWidth = 4;
  context.strokeStyle = explorer.theme.paper;
  context.fillStyle = explorer.theme.ink;
  const text = isOutside ? "your image (outside)" : "your image";
  for (const method of ["strokeText", "fillText"]) context[method](text, shown[0] + (isLeft ? 10 : -10), shown[1] - 9);
  context.restore();
}
