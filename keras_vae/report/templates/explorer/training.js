// The recorded training: the slider of epochs and its playback.
"use strict";

const PLAYBACK_SECONDS = 9;
const MAX_EPOCH_DIGITS = 3; // after the decimal point, as the page holds epochs

class Training {
  constructor(explorer) {
    this.explorer = explorer;
    this.epochs = explorer.data.trajectory.epochs;
    this.input = byId("epoch");
    this.input.max = this.epochs.length;
    this.input.value = this.input.max;
    this.input.addEventListener("input", () => {
      this.stop();
      explorer.setFrame(Number(this.input.value));
    });
    byId("play").addEventListener("click", () => (this.playing ? this.stop() : this.play()));
  }

  /** The text of a recorded frame; of the trained model for null. */
  textOf(frame) {
    const { points, codes, recorded } = this.explorer;
    if (frame === null) return `trained model: ${Math.max(points.count, codes.count).toLocaleString("en")} test ${this.explorer.item}s`;
    return `epoch ${this.epochOf(frame)}: ${recorded.count.toLocaleString("en")} recorded test ${this.explorer.item}s`;
  }

  /** The epoch of a frame, with as many digits as distinguish it from those of the frames beside it. */
  epochOf(frame) {
    const { epochs } = this, epoch = epochs[frame];
    const isShared = (digits) => [frame - 1, frame + 1].some((other) => other in epochs && epochs[other].toFixed(digits) === epoch.toFixed(digits));
    let digits = frame && epoch < 10 ? 2 : 0;
    while (!Number.isInteger(epoch) && digits < MAX_EPOCH_DIGITS && isShared(digits)) digits++;
    return epoch.toFixed(digits);
  }

  show(frame) {
    const { explorer } = this;
    const text = this.textOf(frame);
    this.input.value = frame ?? this.epochs.length;
    this.input.setAttribute("aria-valuetext", text);
    byId("epoch-text").textContent = explorer.isRecorded() ? text : "these units were not recorded during training";
    for (const id of ["epoch", "play"]) byId(id).disabled = !explorer.isRecorded();
  }

  play() {
    let began = null;
    const first = this.explorer.frame ?? 0;
    this.playing = true;
    byId("play").textContent = "Pause";
    const step = (now) => {
      if (!this.playing) return;
      began ??= now;
      const frame = first + Math.floor(((now - began) / 1000 / PLAYBACK_SECONDS) * this.epochs.length);
      if (frame !== this.explorer.frame) this.explorer.setFrame(frame);
      if (frame >= this.epochs.length) return this.stop();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.playing = false;
    byId("play").textContent = "Play";
  }
}
