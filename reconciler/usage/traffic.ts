/**
 * Takes over what the gateway wrote down of bytes: `<data>/meter/*.jsonl`, one line an instance and a stretch of time.
 *
 * 1. A file is deleted when the ledger has its lines, never before; a line has a name, so that taking it twice counts once.
 * 2. A line that cannot be read is put aside with its file (`.bad`), and said; the others of the file count.
 * 3. What comes later than 72 hours lies in windows that are final, and is not billed.
 */
import { readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Observe, reportFault } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { putTraffic, type TrafficLine } from "../../platform/store/index.ts";

const bytes = z.int().nonnegative();
const schema = z
  .object({
    ...{ line: z.uuid(), id: z.string(), toMs: z.int(), bytesOut: bytes, bytesIn: bytes, connections: bytes },
    requests: bytes.default(0), // a gateway of an earlier release counts none
  })
  .transform(({ id, toMs, ...rest }): TrafficLine => ({ ...rest, instance: id, atMs: toMs }));

export type TrafficOptions = {
  readonly sql: Sql;
  readonly folder: string;
  readonly report: Observe;
  /** Hours before this are final. */
  readonly finalBeforeMs: number;
};

/** Files of one pass; a gateway writes one a minute. */
const mostFiles = 500;

/** Takes what is there. */
export async function takeTraffic({ sql, folder, report, finalBeforeMs }: TrafficOptions): Promise<void> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".jsonl")).sort();
  for (const name of names.slice(0, mostFiles)) {
    const path = join(folder, name);
    const text = await readFile(path, "utf8").catch(undefinedIfGone);
    if (text === undefined) continue; // another one took it, and the ledger has its lines
    const { lines, bad } = parseLines(text);
    const late = await putTraffic(sql, lines, finalBeforeMs);
    if (late > 0)
      reportFault(report, "usage.traffic", new Error(`${late} lines of ${name} came after 72 hours: not billed`));
    if (bad === 0) {
      await rm(path, { force: true });
      continue;
    }
    await rename(path, `${path}.bad`).catch(undefinedIfGone);
    reportFault(report, "usage.traffic", new Error(`${bad} lines of ${name} cannot be read`));
  }
}

function undefinedIfGone(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code !== "ENOENT") throw thrown;
}

function parseLines(text: string): { readonly lines: readonly TrafficLine[]; readonly bad: number } {
  const parsed = text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
  const lines = parsed.filter((line) => line !== undefined);
  return { lines, bad: parsed.length - lines.length };
}

function parseLine(text: string): TrafficLine | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
