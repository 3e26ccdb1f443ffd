/**
 * Whether two sets of durations differ, as dudect asks: Welch's t over interleaved measurements, the slowest part of both cut
 * away together (what the scheduler did is no property of the code). Above 4.5 a difference is certain.
 */
export const certain = 4.5;

export function welch(a: readonly number[], b: readonly number[], keep = 0.9): number {
  const limit = quantile([...a, ...b], keep);
  const [x, y] = [momentsOf(a.filter((each) => each <= limit)), momentsOf(b.filter((each) => each <= limit))];
  const error = Math.sqrt(x.variance / x.n + y.variance / y.n);
  return error === 0 ? 0 : (x.mean - y.mean) / error;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function momentsOf(values: readonly number[]) {
  const n = values.length;
  const mean = values.reduce((sum, each) => sum + each, 0) / n;
  const variance = values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1);
  return { n, mean, variance };
}
