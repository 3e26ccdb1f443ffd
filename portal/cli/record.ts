/** One thing as lines for people. Pure. A program asks for `-o json` instead, so no line here is ever parsed. */

type Line = { readonly depth: number; readonly name: string; readonly text: string };

/** `name  value` lines; what a value holds stands under its name, indented. */
export function describeRecord(record: Readonly<Record<string, unknown>>): readonly string[] {
  const lines = linesOf(record, 0);
  const width = Math.max(0, ...lines.map(({ depth, name, text }) => (text === "" ? 0 : 2 * depth + name.length)));
  return lines.map(({ depth, name, text }) => {
    const head = `${"  ".repeat(depth)}${name}`;
    return text === "" ? head : `${head.padEnd(width)}  ${text}`;
  });
}

const linesOf = (record: Readonly<Record<string, unknown>>, depth: number): readonly Line[] =>
  Object.entries(record).flatMap(([name, value]) => linesOfValue(name, value, depth));

function linesOfValue(name: string, value: unknown, depth: number): readonly Line[] {
  const plain = plainText(name, value);
  if (plain !== undefined) return [{ depth, name, text: plain }];
  const head = { depth, name, text: "" };
  if (!Array.isArray(value)) return [head, ...linesOf(value as Record<string, unknown>, depth + 1)];
  return [head, ...value.map((item) => ({ depth: depth + 1, name: `- ${inline(item)}`, text: "" }))];
}

/** What fits behind a name; undefined for what needs lines of its own. */
function plainText(name: string, value: unknown): string | undefined {
  if (value === null || value === undefined || value === "") return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return numberText(name, value);
  if (typeof value !== "object") return String(value);
  if (isMoney(value)) return `${value.amount} ${value.currency}`;
  if (!Array.isArray(value)) return Object.keys(value).length === 0 ? "none" : undefined;
  if (value.length === 0) return "none";
  const short = value.every((item) => typeof item !== "object") && value.join(", ").length <= longestList;
  return short ? value.join(", ") : undefined;
}

const longestList = 100;

const isMoney = (value: object): value is { readonly amount: string; readonly currency: string } =>
  Object.keys(value).sort().join() === "amount,currency";

/** An item of a list on one line: `name: app, login: yes`. */
function inline(item: unknown): string {
  if (typeof item !== "object" || item === null) return String(item ?? "-");
  if (Array.isArray(item)) return item.map(inline).join(", ");
  return Object.entries(item)
    .map(([name, value]) => `${name}: ${plainText(name, value) ?? `(${inline(value)})`}`)
    .join(", ");
}

const binary = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Units stand in the names of the API's fields. */
function numberText(name: string, value: number): string {
  if (/Seconds$/.test(name)) return `${value} s`;
  if (!/Bytes$|^bytes/.test(name)) return String(value);
  const power = value === 0 ? 0 : Math.min(binary.length - 1, Math.floor(Math.log2(Math.abs(value)) / 10));
  return `${Number((value / 1024 ** power).toFixed(1))} ${binary[power]}`;
}
