// Encodings of images: means and standard deviations of their posteriors, by image, unit and recorded frame.
"use strict";

/** Posteriors of images: means of `units`, log variances of `logVarUnits` (or none), labels (or none). */
class Encodings {
  constructor({ mean, logVar, labels, count }, units, logVarUnits = units) {
    Object.assign(this, { count, labels, units, logVarUnits });
    this.column = new Map(units.map((unit, i) => [unit, i]));
    this.logVarColumn = new Map(logVarUnits.map((unit, i) => [unit, i]));
    this.mean = float16Values(mean);
    this.logVar = logVar && float16Values(logVar);
  }

  at(i, unit, frame = 0) {
    return this.mean[(frame * this.count + i) * this.column.size + this.column.get(unit)];
  }

  logVarOf(i, unit, frame = 0) {
    return this.logVar[(frame * this.count + i) * this.logVarColumn.size + this.logVarColumn.get(unit)];
  }

  std(i, unit, frame = 0) {
    return Math.exp(0.5 * this.logVarOf(i, unit, frame));
  }

  /** KL(q(z | x) ‖ N(0, I)) in nats, Σ ½ (μ² + σ² − 1 − log σ²) over the units with a log variance; null without any. */
  kl(i) {
    if (!this.logVar) return null;
    return this.logVarUnits.reduce((sum, unit) => {
      const logVar = this.logVarOf(i, unit);
      return sum + 0.5 * (this.at(i, unit) ** 2 + Math.exp(logVar) - 1 - logVar);
    }, 0);
  }

  /** The k images whose means are nearest to a latent point over all stored units, as {i, distance}, nearest first. */
  nearest(z, k, frame = 0) {
    const { length } = this.units;
    const target = Float32Array.from(this.units, (unit) => z[unit]);
    const best = [];
    for (let i = 0; i < this.count; i++) {
      const offset = (frame * this.count + i) * length;
      const limit = best.length < k ? Infinity : best[k - 1].square;
      let square = 0;
      for (let u = 0; u < length && square < limit; u++) square += (this.mean[offset + u] - target[u]) ** 2;
      if (!(square < limit)) continue;
      const place = best.findIndex((other) => square < other.square);
      best.splice(place < 0 ? best.length : place, 0, { i, square });
      if (best.length > k) best.pop();
    }
    return best.map(({ i, square }) => ({ i, distance: Math.sqrt(square) }));
  }
}
