/**
 * One row of docs/reliability.md: a fault or an attack, tried n times from a seed, and the same with the protection off.
 *
 * 1. The oracle is the test's own ledger, written when a client was told "yes"; never the system's own table.
 * 2. The control runs the same trials without the protection and must show violations: a row that cannot fail proves nothing.
 * 3. None in n bounds the rate by 3/n (95 %). `nebula test` runs the small n, `nebula soak` the large one.
 */
import { appendFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Random, randomFrom } from "./random.ts";

export type Trials = {
  /** How many were made; at least what was asked for. */
  readonly trials: number;
  /** Each broken promise, as a sentence. */
  readonly violations: readonly string[];
  /** What else was measured, unit in the name: `takeOverP99Ms`. */
  readonly figures?: Readonly<Record<string, number>>;
};

export type RowInput = {
  readonly n: number;
  readonly random: Random;
  /** The protection is on. False only in the control. */
  readonly guarded: boolean;
};

export type Row = {
  readonly suite: "faults" | "attacks";
  /** The injection, as catalogued. */
  readonly name: string;
  /** What a violation is. */
  readonly promise: string;
  readonly n: { readonly small: number; readonly large: number };
  readonly run: (input: RowInput) => Promise<Trials>;
  readonly control: {
    /** What is taken away, for example "the fence". */
    readonly without: string;
    /** How many trials; few are enough where one shows it. */
    readonly n: number;
  };
  /** Of one run at the small n, on a machine that is not busy. */
  readonly timeoutMs?: number;
};

const isLarge = process.env.NEBULA_SCALE === "large";
/** A soak may take a night. */
const soakTimeoutMs = 12 * 3_600_000;

export function catalogueRow(row: Row): void {
  const seed = Number(process.env.NEBULA_SEED ?? Math.floor(Math.random() * 2 ** 32));
  const n = isLarge ? row.n.large : row.n.small;
  const timeout = isLarge ? soakTimeoutMs : 3 * (row.timeoutMs ?? 90_000);
  describe(`${row.name} (seed ${seed})`, () => {
    let held: Trials | undefined;
    it(`${row.promise}, ${n} times`, { timeout }, async () => {
      held = await row.run({ n, random: randomFrom(seed), guarded: true });
      print(row, { seed, held });
      expect(held.violations, `seed ${seed}`).toEqual([]);
      expect(held.trials).toBeGreaterThanOrEqual(n);
    });
    it(`the control: without ${row.control.without} it fails`, { timeout }, async () => {
      const control = await row.run({ n: row.control.n, random: randomFrom(seed), guarded: false });
      print(row, { seed, held, control });
      expect(control.violations.length, `without ${row.control.without} nothing went wrong`).toBeGreaterThan(0);
    });
  });
}

type Outcome = { readonly seed: number; readonly held?: Trials | undefined; readonly control?: Trials };

/** One line of JSON in $NEBULA_ROWS: `nebula test` prints the table at its end. The second line of a row replaces the first. */
function print(row: Row, { seed, held, control }: Outcome): void {
  const line = {
    suite: row.suite,
    row: row.name,
    n: held?.trials ?? 0,
    seed,
    violations: held?.violations.length ?? null,
    bound: held === undefined ? null : bound(held),
    control: control === undefined ? null : `${control.violations.length} in ${control.trials}`,
    without: row.control.without,
    figures: held?.figures ?? {},
  };
  const file = process.env.NEBULA_ROWS;
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
  else console.log(JSON.stringify(line));
}

const bound = ({ trials, violations }: Trials): string =>
  violations.length === 0 ? `< ${((300 / Math.max(trials, 1)) as number).toPrecision(2)} %` : "broken";
