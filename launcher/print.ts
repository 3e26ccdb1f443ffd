import { CommandFailure } from "../portal/cli/index.ts";

/** Standard output: data, in the format that was asked for. */
export const formats = ["table", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

/** `human` is what `table` prints instead of the data. */
export async function print(data: unknown, format: Format, human: () => string): Promise<void> {
  if (format === "json") process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
  else if (format === "yaml") process.stdout.write((await import("yaml")).stringify(data));
  else process.stdout.write(`${human()}\n`);
}

/** Columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A failure on standard error: code, sentence, what to do. */
export function printFailure(thrown: unknown, format: Format): void {
  const { code, message, hint, stack } = describe(thrown);
  if (format === "json") return void process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  process.stderr.write(`nebula: ${code === undefined ? "" : `${code} `}${message}\n`);
  if (hint) process.stderr.write(`  ${hint}\n`);
  if (process.env.NEBULA_LOG_LEVEL === "debug" && stack) process.stderr.write(`${stack}\n`);
}

function describe(thrown: unknown) {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const { code, hint } = thrown as { code?: string; hint?: string };
  // A command says its own code, which may be a SQLSTATE; what the system calls a failure (ENOENT) is none.
  return {
    code: thrown instanceof CommandFailure || code?.startsWith("NEB") ? code : undefined,
    message: thrown.message,
    hint,
    stack: thrown.stack,
  };
}
