// The columns of a table: their values beside the bars, and the name of the bar below the pointer.
"use strict";

class Columns {
  constructor(explorer) {
    this.explorer = explorer;
    const { low, values } = explorer.data.columns;
    this.rows = bytesOf(values); // of the test rows, one after the other
    this.count = low.length;
    this.cells = low.map((_, column) => {
      const cells = ["decoded", "test", "reconstruction"].map(() => element("td"));
      byId("column-values").append(element("tr", {}, element("td", { textContent: this.nameOf(column) }), ...cells));
      return cells;
    });
    byId("explorer").addEventListener("mousemove", (event) => this.nameBar(event));
  }

  nameOf(column) {
    return this.explorer.data.columns.names?.[column] ?? String(column);
  }

  /** The value of a column in the units of the table, from 0 to 255 over its range. */
  text(column, byte) {
    const { low, step, decimals } = this.explorer.data.columns;
    const digits = { minimumFractionDigits: decimals[column], maximumFractionDigits: decimals[column] };
    return (low[column] + byte * step[column]).toLocaleString("en", digits).replace("-", "−");
  }

  /** The values of a decoded row, 0 to 255; null for a chart of a grid that was decoded in advance. */
  decoded(z) {
    const { decoder } = this.explorer;
    return decoder.logits ? decoder.logits(z).map((value) => 255 * decoder.output(value)) : null;
  }

  show(place, values) {
    this.cells.forEach((cells, column) => {
      cells[place].textContent = values ? this.text(column, values[column]) : "–";
    });
  }

  showDecoded() {
    this.values = this.decoded(this.explorer.z);
    this.show(0, this.values);
  }

  /** Shows the test row of a point and its reconstruction; of recorded rows at earlier epochs, only their bars. */
  showPoint(point) {
    const { explorer } = this;
    const isKnown = point !== null && explorer.frame === null;
    this.show(1, isKnown ? this.rows.subarray(point * this.count, (point + 1) * this.count) : null);
    this.show(2, isKnown ? this.decoded(explorer.meanOf(point)) : null);
  }

  /** The columns of the bar at a pixel of a picture of one or several charts; null beside the bars. */
  columnsAt(x) {
    const { width, chart } = this.explorer.data.image;
    const bar = Math.floor(((x % width) - chart.margin) / chart.step);
    if (bar < 0 || bar >= chart.bars) return null;
    const start = Math.floor((bar * chart.columns) / chart.bars);
    return [start, Math.floor(((bar + 1) * chart.columns) / chart.bars) - 1];
  }

  /** Names the bar below the pointer in a tooltip. */
  nameBar({ target, clientX }) {
    const canvas = target.matches("canvas.image") ? target : target.closest(".track")?.querySelector("canvas");
    if (!canvas || target.closest("button")) return; // a button has a tooltip of its own
    const { left, width } = canvas.getBoundingClientRect();
    const found = this.columnsAt(((clientX - left) / width) * canvas.width);
    const names = found && [...new Set(found)].map((column) => this.nameOf(column)).join(" to ");
    const isValue = found && canvas.id === "decoded" && this.values && found[0] === found[1] && found[0] < this.count;
    target.title = names ? names + (isValue ? ` = ${this.text(found[0], this.values[found[0]])}` : "") : "";
  }
}
