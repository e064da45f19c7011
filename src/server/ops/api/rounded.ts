/** Rows for people to look at: five significant digits behind the time, which shortens them to half. NaN becomes null. */
export function rounded(rows: readonly (readonly number[])[]): (number | null)[][] {
  return rows.map(([time, ...values]) => [time!, ...values.map(shorter)]);
}

function shorter(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  return Number.isInteger(value) ? value : Number(value.toPrecision(5));
}
