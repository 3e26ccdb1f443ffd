/** The name that a misspelt one is nearest to, or undefined when none is near. */
export function nearest(wanted: string, names: Iterable<string>): string | undefined {
  const lower = wanted.toLowerCase().slice(0, 64);
  let best: string | undefined;
  let least = Math.max(2, Math.ceil(lower.length / 3)) + 1;
  let looked = 0;
  for (const name of names) {
    if (++looked > 5000) break;
    if (name === wanted || Math.abs(name.length - lower.length) >= least) continue;
    const away = distance(lower, name.toLowerCase(), least);
    if (away < least) [best, least] = [name, away];
  }
  return best;
}

/** Levenshtein's; `limit` when it is at least that. */
function distance(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    if (Math.min(...next) >= limit) return limit;
    row = next;
  }
  return row.at(-1) ?? limit;
}
