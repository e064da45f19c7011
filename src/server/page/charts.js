// Charts over time, drawn by uPlot in the page's colours.

/** @type {typeof import('uplot')} */
const uPlot = /** @type {any} */ (globalThis).uPlot;

/**
 * @typedef {{ label: string, color: string, width?: number, dash?: number[], fill?: boolean, value: (value: number) => string }} Line
 * @typedef {{ at: number, color: string, text: string, foot?: boolean }} Mark `foot`: a tick at the bottom only
 * @typedef {{ label: string, time?: boolean, lines: Line[], range?: (low: number, high: number) => [number, number],
 *   tick: (value: number) => string, steps?: number[], sync?: string }} ChartOptions
 *   `steps`: between ticks of y
 */

/** Colours follow the scheme: charts are made anew when it changes. */
const dark = matchMedia('(prefers-color-scheme: dark)');

/** @param {string} name of a variable of style.css */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Chart {
  /**
   * @param {HTMLElement} place
   * @param {ChartOptions} options
   */
  constructor(place, options) {
    this.place = place;
    this.options = options;
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {any} */
    this.data = [[], ...options.lines.map(() => [])];
    /** @type {import('uplot') | undefined} */
    this.plot = undefined;
    this.rebuild = () => this.draw();
    dark.addEventListener('change', this.rebuild);
    this.watcher = new ResizeObserver(() => this.plot?.setSize(this.size()));
    this.draw();
    this.watcher.observe(place);
  }

  /**
   * @param {(number | null)[]} xs
   * @param {(number | null)[][]} lines
   * @param {Mark[]} [marks]
   * @param {string} [summary] what a reader of the screen is told
   */
  show(xs, lines, marks = [], summary = '') {
    this.marks = marks;
    this.data = [xs, ...lines];
    this.plot?.setData(this.data);
    // The legend tells what is pointed at, else the newest values.
    if ((this.plot?.cursor.left ?? -1) < 0) this.plot?.setLegend({ idx: xs.length - 1 }, false);
    this.canvas()?.setAttribute('aria-label', `${this.options.label}. ${summary}`);
  }

  close() {
    dark.removeEventListener('change', this.rebuild);
    this.watcher.disconnect();
    this.plot?.destroy();
  }

  canvas() {
    return this.place.querySelector('.u-wrap');
  }

  size() {
    const height = Number.parseFloat(getComputedStyle(this.place).getPropertyValue('--plot'));
    return { width: Math.max(this.place.clientWidth, 120), height };
  }

  draw() {
    this.plot?.destroy();
    const { options } = this;
    const axis = { stroke: colour('muted'), grid: { stroke: colour('grid'), width: 1 }, ticks: { show: false } };
    const font = '12px system-ui, sans-serif';
    this.plot = new uPlot(
      {
        ...this.size(),
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: options.time !== false },
          y: { range: (_plot, low, high) => (options.range ?? fromZero)(low ?? 0, high ?? 1) },
        },
        axes: [
          { ...axis, font, size: 28, space: 80, ...(options.time === false ? {} : { values: timesOfDay }) },
          {
            ...{ ...axis, font, size: 50, space: 34 },
            ...(options.steps === undefined ? {} : { incrs: options.steps }),
            values: (_plot, ticks) => ticks.map(options.tick),
          },
        ],
        cursor: {
          points: { size: 7 },
          drag: { x: false, y: false },
          ...(options.sync === undefined ? {} : { sync: { key: options.sync } }),
        },
        legend: { live: true },
        series: [
          { label: options.time === false ? 'Labels learned' : 'Time', value: this.xValue() },
          ...options.lines.map((line) => seriesOf(line)),
        ],
        hooks: { draw: [(plot) => this.drawMarks(plot)] },
      },
      this.data,
      this.place,
    );
    const canvas = this.canvas();
    canvas?.setAttribute('role', 'img');
    canvas?.setAttribute('aria-label', options.label);
  }

  xValue() {
    const { time } = this.options;
    return (/** @type {unknown} */ _plot, /** @type {number | null} */ x) => {
      if (x === null) return '–';
      return time === false ? x.toLocaleString('en-US') : new Date(x * 1000).toLocaleTimeString('en-GB');
    };
  }

  /** @param {import('uplot')} plot */
  drawMarks(plot) {
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = `${11 * scale}px system-ui, sans-serif`;
    let line = 0;
    let lastFoot = Number.NEGATIVE_INFINITY;
    for (const { at, color, text, foot } of this.marks) {
      const x = plot.valToPos(at, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      if (foot && Math.abs(x - lastFoot) < 4 * scale) continue;
      if (foot) lastFoot = x;
      ctx.strokeStyle = ctx.fillStyle = colour(color);
      ctx.lineWidth = scale;
      ctx.setLineDash(foot ? [] : [4 * scale, 3 * scale]);
      ctx.beginPath();
      ctx.moveTo(x, foot ? bbox.top + bbox.height - 7 * scale : bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      if (foot) continue;
      const right = x > bbox.left + bbox.width * 0.75;
      ctx.textAlign = right ? 'right' : 'left';
      ctx.fillText(text, x + (right ? -4 : 4) * scale, bbox.top + bbox.height - (18 + 14 * (line++ % 4)) * scale);
    }
    ctx.restore();
  }
}

/**
 * 24 hours, with seconds where ticks are closer than a minute.
 * @param {unknown} _plot
 * @param {number[]} ticks seconds
 */
function timesOfDay(_plot, ticks) {
  const seconds = ticks.some((tick) => tick % 60 !== 0);
  return ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString('en-GB').slice(0, seconds ? 8 : 5));
}

/** @param {Line} line */
function seriesOf({ label, color, width = 2, dash, fill, value }) {
  return {
    label,
    stroke: colour(color),
    width,
    ...(dash === undefined ? {} : { dash }),
    ...(fill ? { fill: `color-mix(in srgb, ${colour(color)} 12%, transparent)` } : {}),
    points: { show: false },
    value: (/** @type {unknown} */ _plot, /** @type {number | null} */ v) => (v === null ? '–' : value(v)),
  };
}

/**
 * @param {number} _low
 * @param {number} high
 * @returns {[number, number]}
 */
function fromZero(_low, high) {
  return [0, high > 0 ? high * 1.1 : 1];
}
