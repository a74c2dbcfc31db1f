// The decoder at earlier epochs, which the clock of the explorer selects.
"use strict";

/** Images decoded in advance on a grid over one or two units, denser around the origin, and blended in between. */
class BlendedGrid {
  constructor({ limit, bend, side, units }, images) {
    Object.assign(this, { limit, bend, side, units, images });
  }

  decode(z) {
    const places = this.units.map((unit) => this.place(z[unit]));
    const out = new Float32Array(this.images[0].length);
    const rows = places.length > 1 ? places[1].map(([index, share]) => [this.side - 1 - index, share]) : [[0, 1]];
    for (const [row, down] of rows) for (const [column, across] of places[0]) {
      const image = this.images[row * this.side + column], share = down * across;
      if (share > 0) for (let i = 0; i < out.length; i++) out[i] += share * image[i];
    }
    return Uint8ClampedArray.from(out);
  }

  /** The two indices next to a value along an axis, each with its share. */
  place(value) {
    const even = Math.asinh((value / this.limit) * Math.sinh(this.bend)) / this.bend; // from −1 to 1
    const position = Math.min(Math.max(((even + 1) / 2) * (this.side - 1), 0), this.side - 1);
    const index = Math.min(Math.floor(position), this.side - 2);
    return [[index, index + 1 - position], [index + 1, position - index]];
  }
}

/** Reconstructions of recorded images, decoded in advance at some epochs. */
class RecordedReconstructions {
  constructor({ epochs, count, sprite }, width, height) {
    Object.assign(this, { epochs, count, images: new Sprite(sprite, width, height) });
    this.ready = this.images.ready;
  }

  /** Draws the reconstruction that was recorded last before an epoch, and returns the epoch that it is of. */
  draw(context, point, epoch) {
    const k = Math.max(0, lastAtMost(this.epochs, epoch + 1e-3)); // epochs are rounded
    this.images.draw(context, k * this.count + point);
    return this.epochs[k];
  }
}

/** Selects the decoder that was recorded last before the shown epoch. */
class DecoderHistory {
  constructor(explorer) {
    Object.assign(this, { explorer, recorded: explorer.data.history, decoders: [] });
    this.sprites = this.recorded?.sprites?.map((one) => new Sprite(one, explorer.data.image.width, explorer.data.image.height));
    this.ready = Promise.all(this.sprites?.map((sprite) => sprite.ready) ?? []);
  }

  /** Whether the recorded decoders apply to the shown plane: grids are those of two units. */
  get applies() {
    const { recorded, explorer } = this;
    return Boolean(recorded) && (!this.sprites || explorer.axes.every((unit) => unit === null || recorded.units.includes(unit)));
  }

  /** Whether the shown decoder is that of the shown epoch, and decodes all units of the recorded means. */
  get reconstructs() {
    const { recorded, explorer } = this;
    if (explorer.recorded.units.length < explorer.total) return false;
    if (this.index === null) return Boolean(explorer.data.decoder) && explorer.frame === explorer.frames - 1;
    return !this.sprites || recorded.units.length === explorer.total;
  }

  /** The index of the record that belongs to a frame; null for the trained decoder, also in the last frame. */
  indexOf(frame) {
    const { epochs } = this.explorer.data.trajectory;
    if (frame === null || frame >= epochs.length - 1 || !this.applies) return null;
    const last = lastAtMost(this.recorded.epochs, epochs[frame] + 1e-3); // epochs are rounded
    return Math.max(last, 0);
  }

  at(index) {
    if (index === null) return this.explorer.trainedDecoder;
    this.decoders[index] ??= this.make(index);
    return this.decoders[index];
  }

  make(index) {
    const { data } = this.explorer, { recorded } = this;
    if (this.sprites) {
      const n = recorded.side ** recorded.units.length;
      return new BlendedGrid(recorded, this.sprites[index].pixels(n, data.image.channels));
    }
    const layers = data.decoder.layers.map((layer, i) => ({ ...layer, weights: recorded.weights[index][i] }));
    return new LayerDecoder({ ...data.decoder, layers }, data.latentShape);
  }

  /** Replaces the decoder by that of a frame, and states its epoch. */
  show(frame) {
    const index = this.indexOf(frame);
    this.index = index;
    this.explorer.setDecoder(this.at(index));
    const text = index === null ? "decoder: trained" : `decoder: epoch ${epochText(this.recorded.epochs[index])}`;
    const isOther = index === null && frame !== null && frame < this.explorer.data.trajectory.epochs.length - 1;
    byId("decoder-text").textContent = isOther ? `${text}, not of this epoch` : text;
  }
}

const epochText = (epoch) => (Number.isInteger(epoch) ? String(epoch) : epoch.toFixed(epoch < 0.1 ? 3 : 2));
