/** Series of one name; all of them have the same labels. */
export type Family = {
  readonly name: string;
  readonly help: string;
  readonly kind: "gauge" | "counter";
  /** Series that share one object of labels cost its text once. */
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
};

/** Between so many series others have their turn: the page of ten thousand databases has four hundred thousand. */
const atOnce = 10_000;

/**
 * Figures that were read elsewhere, in Prometheus's text format 0.0.4. Written here: prom-client keeps a registry of instruments, and filling
 * one for every answer takes seven times as long and holds the process all the while. A test holds the text against the library's.
 */
export async function exposition(
  families: readonly Family[],
): Promise<{ readonly contentType: string; readonly body: string }> {
  const known = new Map<object, string>();
  const parts: string[] = [];
  let since = 0;
  for (const { name, help, kind, series } of families) {
    let lines = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${kind}\n`;
    for (const { labels, value } of series) {
      const text = known.get(labels) ?? labelsText(labels);
      known.set(labels, text);
      lines += `${name}${text} ${valueText(value)}\n`;
      if (++since % atOnce === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    parts.push(lines);
  }
  return { contentType: "text/plain; version=0.0.4; charset=utf-8", body: parts.join("") };
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

const valueText = (value: number): string =>
  Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
