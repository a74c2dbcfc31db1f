// The view as a part of the page's address: units, zoom, latent point, selected image, frame, background.
"use strict";

const WRITING_DELAY_MS = 250; // after the last change; browsers limit how often an address may change

class Link {
  constructor(explorer) {
    this.explorer = explorer;
    addEventListener("hashchange", () => { if (location.hash !== this.written) this.read(); });
    byId("copy-link").addEventListener("click", () => this.copy());
  }

  /** The parts of the view that differ from those of a newly opened page, as a text for the address. */
  text() {
    const e = this.explorer;
    const number = (value) => String(Number(value.toFixed(3)));
    const parts = new Map();
    const add = (name, isChanged, value) => { if (isChanged) parts.set(name, value()); };
    add("units", e.planeUnits.join() !== e.firstAxes.filter((unit) => unit !== null).join(), () => e.planeUnits.join());
    add("zoom", e.view.zoom !== 1, () => number(e.view.zoom));
    add("center", e.view.center.some(Boolean), () => e.view.center.map(number).join());
    add("background", e.background !== "prior", () => e.background);
    add("images", !e.showsPoints, () => "off");
    add("label", e.label !== null, () => e.label);
    add("frame", e.frame !== null, () => e.frame);
    add("point", e.selected !== null, () => e.selected);
    const set = e.data.units.filter((unit) => e.z[unit] !== 0);
    add("z", set.length, () => set.map((unit) => `${unit}:${number(e.z[unit])}`).join());
    return [...parts].map(([name, value]) => `${name}=${value}`).join("&");
  }

  /** Writes the view to the address shortly after the last change. */
  write() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.writeNow(), WRITING_DELAY_MS);
  }

  writeNow() {
    clearTimeout(this.timer);
    const text = this.text();
    this.written = text && `#${text}`;
    if (location.hash !== this.written) history.replaceState(null, "", this.written || location.href.split("#")[0]);
  }

  async copy() {
    this.writeNow();
    const say = (text) => { byId("announcement").textContent = byId("copy-link").title = text; };
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link to this view is copied.");
      byId("copy-link").textContent = "Copied";
      setTimeout(() => { byId("copy-link").textContent = "Link"; }, 1500);
    } catch { // without permission
      say("The address of the page now holds this view.");
    }
  }

  /** Sets the view that the address holds; values that do not fit this page are those of a newly opened one. */
  read() {
    const e = this.explorer;
    if (!location.hash.includes("=")) return;
    const parts = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
    const numbers = (name) => (parts.get(name) ?? "").split(",").map((text) => (text === "" ? NaN : Number(text)));
    const units = numbers("units");
    const isPlane = units.length === e.planeUnits.length && new Set(units).size === units.length
      && units.every((unit) => e.data.units.includes(unit));
    e.setAxes(isPlane ? [units[0], units[1] ?? null] : [...e.firstAxes]);
    e.setBackground("prior");
    e.setBackground(parts.get("background") ?? "prior");
    e.showPoints(parts.get("images") !== "off");
    const [label] = numbers("label");
    e.setLabel(e.points.labels?.includes(label) ? label : null);
    if (parts.has("frame")) e.setFrame(clamp(Math.round(numbers("frame")[0]) || 0, 0, e.frames));
    const [zoom] = numbers("zoom");
    const center = numbers("center");
    e.changeView((view) => {
      view.zoom = zoom > 0 ? clamp(zoom, ...ZOOM_RANGE) : 1;
      view.centerAt(center.length === 2 && center.every(Number.isFinite) ? center : [0, 0]);
    });
    const z = new Float32Array(e.total);
    for (const part of (parts.get("z") ?? "").split(",")) {
      const [unit, value] = part.split(":").map(Number);
      if (e.data.units.includes(unit) && Number.isFinite(value)) z[unit] = value;
    }
    e.setAll(z);
    const [point] = numbers("point");
    e.select(Number.isInteger(point) && point >= 0 && point < e.encodings.count ? point : null);
  }
}
