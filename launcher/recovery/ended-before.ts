/**
 * What Postgres says of a recovery to a moment that its log does not reach. It ends then, and its own log is the only place that says
 * so: this is the one that reads it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DataFolder } from "../data-folder.ts";

const ended = "recovery ended before configured recovery target was reached";
const newest = /last completed transaction was at log time (\S+) (\S+?)([+-]\d\d)(:\d\d)?$/gm;

/** When the newest of it happened, null when that is not known; undefined: this was not the reason. */
export function endedBefore({ log }: DataFolder): Date | null | undefined {
  const file = join(log, "ledger.log");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  if (!text.includes(ended)) return undefined;
  const [, day, time, hours, minutes = ":00"] = [...text.matchAll(newest)].at(-1) ?? [];
  const at = new Date(`${day}T${time}${hours}${minutes}`);
  return Number.isNaN(at.getTime()) ? null : at;
}
