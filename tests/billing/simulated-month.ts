/**
 * A month of databases that wake and sleep, on a machine whose clock the test moves. It keeps a ledger of its own: what each of them was,
 * hour by hour, to the millisecond and the byte, added up as it happens and from nothing that the system writes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JournalLine } from "../../platform/compute/index.ts";
import type { Reading } from "../../reconciler/usage/index.ts";
import { stretchesOf } from "../../reconciler/usage/index.ts";
import type { Random } from "../harness/random.ts";

const minute = 60_000;
const hour = 60 * minute;
/** A journal is shortened: what is older than it is asked for goes. */
const journalMs = 80 * hour;

type State = "awake" | "frozen" | "asleep";
type Simulated = {
  readonly id: string;
  readonly storageBytes: number;
  readonly isBranch: boolean;
  readonly bornMs: number;
  state: State;
  units: number;
  startedAtMs: number | null;
  /** When something happens to it next. */
  nextMs: number;
  /** Up to when the ledger has it. */
  untilMs: number;
  lines: JournalLine[];
};

/** `<database> <meter> <hour>` to an exact amount: unit-milliseconds times 100, byte-milliseconds, bytes. */
export type Ledger = Map<string, bigint>;

export type Month = ReturnType<typeof simulateMonth>;

export function simulateMonth(of: {
  readonly startMs: number;
  readonly databases: number;
  readonly random: Random;
  /** Where the gateway writes its meter files. */
  readonly folder: string;
}) {
  const { startMs, random, folder } = of;
  const ledger: Ledger = new Map();
  let nowMs = 0;
  let lines = 0;
  let lastLineMs = 0;
  const all = Array.from({ length: of.databases }, (_, i): Simulated => {
    const bornMs = i % 3 === 0 ? random.int(0, 10 * 24) * hour + random.int(0, hour) : 0;
    return {
      ...{ id: `t${i % 5}.p${i % 10}.d${i}`, storageBytes: random.int(39, 4_000) * 2 ** 20 + random.int(0, 999) },
      ...{ isBranch: i % 7 === 0, bornMs, state: "asleep", units: 1, startedAtMs: null },
      ...{ nextMs: bornMs, untilMs: bornMs, lines: [] },
    };
  });

  const add = (key: string, amount: bigint) => ledger.set(key, (ledger.get(key) ?? 0n) + amount);
  /** Adds the time until `toMs` to the hours that it lies in. */
  function live(one: Simulated, toMs: number): void {
    while (one.untilMs < toMs) {
      const at = startMs + one.untilMs;
      const windowMs = Math.floor(at / hour) * hour;
      const ms = Math.min(toMs - one.untilMs, windowMs + hour - at);
      const key = (meter: string) => `${one.id} ${meter} ${windowMs}`;
      const unitMs = BigInt(ms) * BigInt(one.units * 100);
      if (one.state === "awake") add(key("compute_unit_seconds"), unitMs);
      if (one.state === "frozen") add(key("frozen_unit_seconds"), unitMs);
      const storage = one.isBranch ? "branch_storage_byte_hours" : "storage_byte_hours";
      add(key(storage), BigInt(ms) * BigInt(one.storageBytes));
      one.untilMs += ms;
    }
  }

  function happen(one: Simulated): void {
    const at = one.nextMs;
    live(one, at);
    const units = random.pick([0.25, 0.5, 1, 1.75, 2]);
    const next: State = random.pick(one.state === "awake" ? ["awake", "frozen", "asleep"] : ["awake", "asleep"]);
    const resized = next === "awake" && one.state === "awake";
    if (next === "awake" && !resized && one.state === "asleep") one.startedAtMs = startMs + at;
    if (next === "asleep") one.startedAtMs = null;
    if (next === "awake") one.units = units;
    one.state = next;
    one.lines.push({
      ...{ state: next, at: new Date(startMs + at).toISOString(), upMs: at, boot: "this", units: one.units },
      ...(resized ? { resized: true as const } : {}),
    });
    // some flicker within a minute, most rest for hours
    one.nextMs = at + (random.chance(0.3) ? random.int(1, 3 * minute) : random.int(minute, 9 * hour));
  }

  /** The gateway of this machine tells what it sent, once in a while. */
  function tell(): void {
    const rows = all
      .filter(({ bornMs }) => bornMs < nowMs && random.chance(0.4))
      .map(({ id }) => {
        const [bytesOut, requests] = [random.int(0, 2 ** 31), random.int(0, 900)];
        const windowMs = Math.floor((startMs + nowMs) / hour) * hour;
        add(`${id} egress_bytes ${windowMs}`, BigInt(bytesOut));
        add(`${id} api_requests ${windowMs}`, BigInt(requests));
        lines += 1;
        const line = `00000000-0000-4000-8000-${String(lines).padStart(12, "0")}`;
        return JSON.stringify({ line, id, toMs: startMs + nowMs, bytesOut, bytesIn: 1, connections: 1, requests });
      });
    if (rows.length > 0)
      writeFileSync(join(folder, `${String(nowMs).padStart(12, "0")}.jsonl`), `${rows.join("\n")}\n`);
  }

  return {
    ledger,
    databases: all,
    clock: { now: () => startMs + nowMs, monotonicMs: () => nowMs, sleep: async () => {} },
    machine: () => ({ bootId: "this", uptimeMs: nowMs }),
    nowMs: () => nowMs,
    run(ms: number): void {
      nowMs += ms;
      for (const one of all) {
        while (one.nextMs <= nowMs) happen(one);
        if (one.bornMs < nowMs) live(one, nowMs);
        const old = one.lines.findLastIndex(({ upMs }) => upMs < nowMs - journalMs);
        if (old > 0) one.lines = one.lines.slice(old);
      }
      if (nowMs - lastLineMs < 20 * minute) return;
      lastLineMs = nowMs;
      tell();
    },
    /** undefined: it is not there yet. */
    observe(id: string): Reading | undefined {
      const one = all.find((each) => each.id === id);
      if (one === undefined || one.bornMs >= nowMs) return undefined;
      return {
        ...{ startedAtMs: one.startedAtMs, connections: 0, storageBytes: one.storageBytes },
        stretches: stretchesOf(one.lines, { bootId: "this", uptimeMs: nowMs }, startMs + nowMs),
      };
    },
  };
}

/** What a meter's record of this amount says: the exact quotient, rounded once to six places. */
export function recordedAs(meter: string, amount: bigint): bigint {
  const grains = meter.endsWith("unit_seconds") ? 100_000n : meter.endsWith("byte_hours") ? 3_600_000n : 1n;
  return (amount * 1_000_000n * 2n + grains) / (2n * grains);
}
