/**
 * Events a second from the moments (milliseconds) at which they happened: the slope of their running count, by least squares. Answers of a
 * batch come together, so counting them between two moments would be wrong by up to a batch; the slope hardly is.
 *
 * @returns NaN for fewer than three moments
 */
export function rateOf(moments: readonly number[]): number {
  const count = moments.length;
  if (count < 3) return Number.NaN;
  const meanTime = moments.reduce((sum, moment) => sum + moment, 0) / count;
  const meanIndex = (count - 1) / 2;
  let product = 0;
  let square = 0;
  moments.forEach((moment, index) => {
    product += (moment - meanTime) * (index - meanIndex);
    square += (moment - meanTime) ** 2;
  });
  return (1000 * product) / square;
}
