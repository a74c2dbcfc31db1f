// Beside the plane: the image decoded at the cursor, the point under the pointer, and the nearest test images.
"use strict";

const NEAREST_IMAGES = 5;

class Details {
  constructor(explorer) {
    this.explorer = explorer;
    this.contexts = {};
    const { width, height } = explorer.data.image;
    for (const id of ["decoded", "near-image", "near-reconstruction"]) {
      const canvas = byId(id);
      [canvas.width, canvas.height] = [width, height];
      this.contexts[id] = canvas.getContext("2d");
    }
    this.nearest = Array.from({ length: NEAREST_IMAGES }, () => this.makeNearest(width, height));
    byId("nearest").append(...this.nearest.map(({ button }) => button));
  }

  makeNearest(width, height) {
    const canvas = element("canvas", { className: "image", width, height });
    canvas.setAttribute("aria-hidden", "true");
    const name = element("span");
    const button = element("button", { type: "button" }, canvas, name);
    const one = { button, name, context: canvas.getContext("2d"), point: null };
    button.addEventListener("click", () => this.explorer.goTo(one.point));
    return one;
  }

  clear(id) {
    const { width, height } = this.explorer.data.image;
    this.contexts[id].clearRect(0, 0, width, height);
  }

  /** Decodes the image at the cursor. */
  drawDecoded() {
    const { explorer } = this;
    const began = performance.now();
    this.contexts.decoded.putImageData(explorer.imageData(explorer.decoder.decode(explorer.z)), 0, 0);
    explorer.milliseconds = performance.now() - began;
    explorer.columns?.showDecoded();
    const coordinates = explorer.planeUnits.map((unit) => `unit ${unit} = ${twoDecimals(explorer.z[unit])}`);
    const missing = explorer.planeUnits.filter((unit) => !explorer.decodes([unit]));
    byId("cursor-text").textContent = coordinates.join(", ") + (missing.length ? `, but shown with unit ${missing.join(" and unit ")} at 0` : "");
    explorer.planeUnits.forEach((unit) => explorer.traversals.show(unit));
  }

  /** The test images whose means are nearest to the cursor over all units. */
  drawNearest() {
    const { explorer } = this;
    const encodings = explorer.encodings;
    const sprite = explorer.sprite;
    const found = sprite ? encodings.nearest(explorer.z, NEAREST_IMAGES, explorer.frame ?? 0) : [];
    byId("nearest-figure").hidden = !sprite;
    this.nearest.forEach((one, k) => {
      one.button.hidden = k >= found.length;
      if (one.button.hidden) return;
      const { i, distance } = found[k];
      one.point = i;
      sprite.draw(one.context, i);
      const name = explorer.pointName(i);
      one.name.textContent = explorer.labelOf(i) === null ? "" : explorer.labels.nameOf(explorer.labelOf(i));
      one.button.title = `${name}, ${twoDecimals(distance)} from the cursor`;
      one.button.setAttribute("aria-label", `Go to ${name}, ${twoDecimals(distance)} from the cursor`);
    });
  }

  /** Shows the image, the reconstruction and the posterior of the point under the pointer, else of the selected one. */
  drawNear() {
    const { explorer } = this;
    const point = explorer.hovered ?? explorer.selected;
    byId("near").classList.toggle("empty", point === null);
    byId("use-selected")?.toggleAttribute("disabled", explorer.selected === null || explorer.frame !== null);
    this.clear("near-image");
    this.clear("near-reconstruction");
    byId("near-loss").textContent = "";
    explorer.columns?.showPoint(point);
    if (point === null) {
      byId("near-text").textContent = `Point at or tap a test ${this.explorer.item} to see it.`;
      return;
    }
    explorer.sprite?.draw(this.contexts["near-image"], point);
    const deviations = explorer.deviations(point)?.slice(0, explorer.planeUnits.length);
    const sigmas = deviations?.map((deviation, k) => `σ of unit ${explorer.planeUnits[k]} = ${deviation.toFixed(3)}`).join(", ");
    byId("near-text").replaceChildren(explorer.pointName(point), element("span", { className: "sigma" }, sigmas ? `; ${sigmas}` : ""));
    this.drawReconstruction(this.contexts["near-reconstruction"], point);
    if (explorer.frame === null) byId("near-loss").textContent = this.lossText(point);
  }

  /** Draws the reconstruction of a point at the shown epoch, and names another epoch; hidden where there is none. */
  drawReconstruction(context, point) {
    const { explorer } = this, { recordedReconstructions } = explorer;
    const box = byId("near-reconstruction").parentElement;
    byId("near-epoch").textContent = "";
    box.hidden = false;
    if (explorer.frame === null) {
      if (explorer.reconstructions) explorer.reconstructions.draw(context, point);
      else context.putImageData(explorer.imageData(explorer.decoder.decode(explorer.meanOf(point))), 0, 0);
    } else if (explorer.history.reconstructs) {
      context.putImageData(explorer.imageData(explorer.decoder.decode(explorer.recordedMeanOf(point))), 0, 0);
    } else if (recordedReconstructions && point < recordedReconstructions.count) {
      const epoch = recordedReconstructions.draw(context, point, explorer.data.trajectory.epochs[explorer.frame]);
      byId("near-epoch").textContent = ` of epoch ${epochText(epoch)}`;
    } else box.hidden = true;
  }

  /** The losses of a test image at its posterior mean. */
  lossText(point) {
    const { explorer } = this;
    const losses = explorer.lossesOf(point);
    const parts = [];
    if (losses.reconstruction !== null) parts.push(`reconstruction loss ${losses.reconstruction.toFixed(1)}`);
    if (losses.kl !== null) parts.push(`KL${explorer.hasAllUnits ? "" : " of the units shown"} ${losses.kl.toFixed(2)}`);
    if (losses.loss !== null) parts.push(`loss ${losses.loss.toFixed(1)}`);
    return parts.length ? `${parts.join(", ")} nats` : "";
  }
}
