// Rows of the server's past, kept and continued in the page.

/** More are asked for anew, coarser. */
const MOST_ROWS = 2500;

export class History {
  constructor() {
    /** @type {string[]} */
    this.columns = [];
    /** @type {(number | null)[][]} oldest first: time in ms, then a value a column */
    this.rows = [];
  }

  /** Rows after this are asked for. */
  get since() {
    return this.rows.length > MOST_ROWS ? 0 : (this.rows.at(-1)?.[0] ?? 0);
  }

  /** @param {{ columns: string[], rows: (number | null)[][] } | null} news */
  add(news) {
    if (news === null) return;
    this.columns = news.columns;
    if (this.rows.length > MOST_ROWS) this.rows = [];
    const last = this.rows.at(-1)?.[0] ?? 0;
    this.rows.push(...news.rows.filter((row) => (row[0] ?? 0) > (last ?? 0)));
  }

  clear() {
    this.rows = [];
  }

  /**
   * The rows of late, as a history of their own.
   * @param {number} ms
   */
  last(ms) {
    const from = (this.rows.at(-1)?.[0] ?? 0) - ms;
    const view = new History();
    view.columns = this.columns;
    view.rows = this.rows.filter(([time]) => (time ?? 0) >= from);
    return view;
  }

  /** @param {string} name */
  column(name) {
    const at = 1 + this.columns.indexOf(name);
    return this.rows.map((row) => (at === 0 ? null : (row[at] ?? null)));
  }

  /** Seconds. */
  get times() {
    return this.rows.map((row) => (row[0] ?? 0) / 1000);
  }
}
