// Input by mouse, touch and pen on the latent plane.
//
// Mouse: moving decodes, a click selects, a drag interpolates, Shift and drag moves the view, the wheel zooms.
// Touch: a tap selects; a vertical swipe scrolls the page. A drag interpolates if it is horizontal and begins at a
// point, begins at the selected point, or follows a long press; two fingers zoom and move the view.
"use strict";

const PICK_RADIUS_PX = { mouse: 12, touch: 24, pen: 16 };
const MIN_DRAG_PX = 8;
const LONG_PRESS_MS = 350;
const WHEEL_GESTURE_MS = 300; // between events of one gesture
const WHEEL_ZOOM_PER_PX = 0.0016;
const MAX_WHEEL_PX = 120; // of one event

class PointerInput {
  constructor(explorer) {
    this.explorer = explorer;
    this.pressed = null; // {position, from, mode, isTouch, isHeld}; mode: null until the pointer has moved
    this.fingers = new Map(); // positions of touching fingers
    this.lastScroll = -Infinity; // time of the last wheel event that scrolled the page
    const { front } = explorer;
    front.addEventListener("pointerdown", (event) => this.press(event));
    front.addEventListener("pointermove", (event) => this.move(event));
    front.addEventListener("pointerup", (event) => this.release(event));
    front.addEventListener("pointercancel", (event) => this.cancel(event));
    front.addEventListener("pointerleave", () => explorer.hover(null));
    front.addEventListener("contextmenu", (event) => { if (this.pressed?.isHeld) event.preventDefault(); });
    // Not passive: a vertical movement scrolls the page unless it belongs to one of these gestures.
    front.addEventListener("touchmove", (event) => {
      if (event.cancelable && (event.touches.length > 1 || this.pressed?.isHeld)) event.preventDefault();
    }, { passive: false });
    front.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    document.addEventListener("wheel", (event) => {
      if (event.target !== front) this.lastScroll = event.timeStamp;
    }, { passive: true });
  }

  position(event) {
    const box = this.explorer.front.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  radius(event) {
    return PICK_RADIUS_PX[event.pointerType] ?? PICK_RADIUS_PX.mouse;
  }

  press(event) {
    const { explorer } = this;
    if (event.button > 1) return;
    const position = this.position(event);
    const isTouch = event.pointerType === "touch";
    explorer.front.setPointerCapture(event.pointerId);
    if (isTouch) this.fingers.set(event.pointerId, position);
    if (this.fingers.size > 1) return this.drop(); // the fingers zoom
    const from = explorer.end(position, this.radius(event));
    const isPan = event.shiftKey || event.button === 1;
    this.pressed = { position, last: position, from, isTouch, mode: isPan ? "pan" : null };
    if (isTouch) {
      this.pressed.isHeld = from.point !== null && from.point === explorer.selected;
      this.pressed.timer = setTimeout(() => { if (this.pressed) this.pressed.isHeld = true; }, LONG_PRESS_MS);
    }
    if (!isPan) this.follow(event);
    else event.preventDefault(); // Shift and a click would extend a selection of text
  }

  move(event) {
    const position = this.position(event);
    if (this.fingers.size > 1) return this.pinch(event.pointerId, position);
    const { pressed, explorer } = this;
    if (pressed?.mode === "pan") {
      explorer.changeView((view) => view.panBy(position[0] - pressed.last[0], position[1] - pressed.last[1]));
      pressed.last = position;
      return;
    }
    this.follow(event);
    if (!pressed) return;
    const moved = Math.hypot(position[0] - pressed.position[0], position[1] - pressed.position[1]);
    if (pressed.mode === null && moved >= MIN_DRAG_PX) {
      clearTimeout(pressed.timer);
      const isPath = !pressed.isTouch || pressed.isHeld || pressed.from.point !== null;
      pressed.mode = isPath ? "path" : "decode";
    }
    if (pressed.mode === "path") explorer.setPath(pressed.from, explorer.end(position, this.radius(event)));
  }

  release(event) {
    const { pressed, explorer } = this;
    this.fingers.delete(event.pointerId);
    if (pressed && pressed.mode === null) explorer.select(explorer.nearest(this.position(event), this.radius(event)));
    this.drop();
  }

  cancel(event) {
    this.fingers.delete(event.pointerId);
    this.drop();
  }

  drop() {
    clearTimeout(this.pressed?.timer);
    this.pressed = null;
  }

  /** Moves the cursor to the pointer. */
  follow(event) {
    const { explorer } = this;
    const position = this.position(event).map((v) => clamp(v, 0, explorer.view.size));
    explorer.moveTo(explorer.toLatent(position));
    explorer.hover(explorer.nearest(position, this.radius(event)));
  }

  /** Two fingers: the latent points below them stay below them, as far as a square view allows. */
  pinch(id, position) {
    const before = [...this.fingers.values()];
    this.fingers.set(id, position);
    const after = [...this.fingers.values()];
    const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const spread = ([a, b]) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
    const [from, to] = [middle(before), middle(after)];
    this.explorer.changeView((view) => {
      view.panBy(to[0] - from[0], to[1] - from[1]);
      view.zoomAt(to, spread(after) / spread(before));
    });
  }

  /** Zooms, unless the event continues a scrolling of the page, or would zoom out of the whole view. */
  wheel(event) {
    const { view } = this.explorer;
    const isScrolling = event.timeStamp - this.lastScroll < WHEEL_GESTURE_MS;
    const isOut = event.deltaY > 0;
    if (isScrolling || event.deltaY === 0 || (isOut && view.zoom <= 1)) {
      this.lastScroll = event.timeStamp;
      return;
    }
    event.preventDefault();
    const pixels = clamp(event.deltaY * (event.deltaMode === 1 ? 30 : 1), -MAX_WHEEL_PX, MAX_WHEEL_PX);
    const factor = Math.exp(-pixels * WHEEL_ZOOM_PER_PX * (event.ctrlKey ? 5 : 1)); // a pinch on a touchpad has small steps
    this.explorer.changeView((v) => {
      v.zoomAt(this.position(event), factor);
      if (isOut && v.zoom <= 1) v.reset();
    });
  }
}
