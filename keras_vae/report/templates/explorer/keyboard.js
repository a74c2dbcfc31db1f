// Input by keyboard: on the latent plane, and the list of keys that `?` opens.
"use strict";

const KEYBOARD_PICK_RADIUS_PX = 60;
const KEY_ZOOM = 1.3; // of one key press
const ANNOUNCEMENT_DELAY_MS = 350;

class KeyboardInput {
  constructor(explorer) {
    this.explorer = explorer;
    this.anchor = null; // the first end of an interpolation
    explorer.front.addEventListener("keydown", (event) => this.press(event));
    const dialog = byId("keys");
    byId("show-keys").addEventListener("click", () => dialog.showModal());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // beside its content
    document.addEventListener("keydown", (event) => {
      const isText = event.target.matches?.("input[type=text], input[type=search], textarea");
      if (event.key !== "?" || isText || event.ctrlKey || event.metaKey) return;
      if (dialog.open) dialog.close();
      else dialog.showModal();
      event.preventDefault();
    });
  }

  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // shortcuts of the browser
    const { explorer } = this;
    const step = explorer.view.extent / (event.shiftKey ? 8 : 40);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const zooms = { "+": KEY_ZOOM, "=": KEY_ZOOM, "-": 1 / KEY_ZOOM, "−": 1 / KEY_ZOOM, _: 1 / KEY_ZOOM };
    if (moves[event.key]) {
      const farthest = explorer.view.limit * MAX_CENTER_SHIFT;
      this.step(explorer.cursorXY().map((v, k) => clamp(v + moves[event.key][k], -farthest, farthest)));
    } else if (zooms[event.key]) {
      explorer.changeView((view) => view.zoomAt(view.toScreen(explorer.cursorXY()), zooms[event.key]));
    } else if (event.key === "0") {
      explorer.changeView((view) => view.reset());
    } else if (event.key === "Home") {
      this.step([0, 0]);
    } else if (event.key === "Enter" || event.key === " ") {
      explorer.select(explorer.nearestToCursor(KEYBOARD_PICK_RADIUS_PX));
      explorer.hovered = explorer.selected;
      this.announce();
    } else if (event.key === "i") {
      this.markEnd();
    } else if (event.key === "Escape") {
      explorer.clearPath();
      explorer.select(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The first press starts an interpolation at the cursor, the second ends it. */
  markEnd() {
    const { explorer } = this;
    const end = explorer.end(explorer.toScreen(explorer.cursorXY()), PICK_RADIUS_PX.mouse);
    if (this.anchor) {
      clearTimeout(this.timer); // the cursor's position would replace the announcement
      explorer.setPath(this.anchor, end, true);
    } else {
      byId("announcement").textContent = "Interpolation starts here.";
    }
    this.anchor = this.anchor ? null : end;
  }

  /** Moves the cursor, and the view where it would leave the cursor outside. */
  step(xy) {
    const { explorer } = this;
    const { center, extent } = explorer.view;
    const outside = xy.map((v, k) => v - clamp(v, center[k] - 0.95 * extent, center[k] + 0.95 * extent));
    if (outside.some(Boolean)) explorer.changeView((view) => view.centerAt(center.map((v, k) => v + outside[k])));
    explorer.moveTo(xy);
    explorer.hover(explorer.nearestToCursor(PICK_RADIUS_PX.mouse));
    this.announce();
  }

  /** Lets a screen reader read the position of the cursor once it has stopped moving. */
  announce() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      byId("announcement").textContent = `${byId("cursor-text").textContent}. ${byId("near-text").textContent}`;
    }, ANNOUNCEMENT_DELAY_MS);
  }
}
