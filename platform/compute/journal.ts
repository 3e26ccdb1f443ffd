/**
 * `journal.jsonl`: when an instance was awake, frozen, or neither; one line a transition, written where it happens. Usage is measured
 * from it, so that the minutes between two looks are counted as they were.
 *
 * 1. A line says what holds from its moment on. Lines of the two clocks agree: `at` is the machine's, `upMs` counts since its boot
 *    and knows no steps; without the name of the boot (no Linux) there is only the first.
 * 2. A line that was cut off by a crash is left out. Old lines go when the file is long: usage is final by then.
 */
import { appendFile, open, readFile, stat } from "node:fs/promises";
import { uptime } from "node:os";
import { writeAtomically } from "./manifest.ts";
import type { Place } from "./paths.ts";

export type JournalState = "awake" | "frozen" | "asleep" | "stopped" | "paused" | "retired";

export type JournalLine = {
  /** RFC 3339. */
  readonly at: string;
  readonly upMs: number;
  readonly boot: string | null;
  readonly state: JournalState;
  readonly units: number;
  /** It runs on, with other units. */
  readonly resized?: true;
};

/** Linux names each boot. */
const readBoot = (): Promise<string | null> =>
  readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => null,
  );

export type Transition = {
  readonly state: JournalState;
  readonly units: number;
  readonly atMs: number;
  readonly resized?: true;
};

export async function appendJournal(place: Place, { state, units, atMs, resized }: Transition): Promise<void> {
  const line: JournalLine = {
    at: new Date(atMs).toISOString(),
    upMs: Math.round(uptime() * 1000),
    boot: await readBoot(),
    ...{ state, units },
    ...(resized === undefined ? {} : { resized }),
  };
  await appendFile(place.journal, `${JSON.stringify(line)}\n`);
}

/** Oldest first. */
export async function readJournal(place: Place): Promise<readonly JournalLine[]> {
  const text = await readFile(place.journal, "utf8").catch(() => "");
  return text.split("\n").flatMap(parse);
}

function parse(line: string): readonly JournalLine[] {
  try {
    return [JSON.parse(line) as JournalLine];
  } catch {
    return [];
  }
}

const tailBytes = 512;

/** The last transition that was written; undefined when there is none. */
export const lastTransition = async (place: Place): Promise<JournalLine | undefined> =>
  (await lastTransitions(place)).at(-1);

/** The last ones, oldest first: three at least, where there are so many. */
export async function lastTransitions(place: Place): Promise<readonly JournalLine[]> {
  const handle = await open(place.journal, "r").catch(() => undefined);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(tailBytes), 0, tailBytes, from);
    return buffer.subarray(0, bytesRead).toString("utf8").split("\n").flatMap(parse);
  } finally {
    await handle.close();
  }
}

const longBytes = 256 * 1024;
/** Windows of usage are final after 72 hours. */
const keptMs = 96 * 3_600_000;

/** Leaves out what no window can need any more. The caller holds the instance's lock. */
export async function shortenJournal(place: Place, nowMs: number): Promise<void> {
  const found = await stat(place.journal).catch(() => undefined);
  if (found === undefined || found.size < longBytes) return;
  const lines = await readJournal(place);
  const first = lines.findIndex(({ at }) => Date.parse(at) > nowMs - keptMs);
  const kept = first < 0 ? lines.slice(-1) : lines.slice(Math.max(0, first - 1));
  await writeAtomically(place.journal, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
