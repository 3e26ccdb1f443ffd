import { type Clock, type Observe, reportFault, systemClock } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import { retireDataKeys } from "../store/index.ts";
import type { Keyring } from "./keyring.ts";
import { keysInUse, reseal } from "./reseal.ts";
import { forgeColumns, ledgerColumns, type SealedColumn } from "./sealed-columns.ts";

export type MaintainOptions = {
  readonly keyring: Keyring;
  readonly ledger: Sql;
  /** Where the embedded forge is in this installation; keys are retired only by who sees everything. */
  readonly forge?: Sql | undefined;
  readonly observe: Observe;
  readonly clock?: Clock;
  readonly everyMs?: number;
};

export type Maintenance = {
  /** One look: seals anew what is not under the current key. How many values that were. */
  look(): Promise<number>;
  close(): Promise<void>;
};

const hourMs = 3_600_000;

/**
 * Follows a rotation: when another key seals, everything that is sealed is sealed anew in the background, and a key under which
 * nothing is left is retired. Looks again an hour later, for what somebody sealed in the very moment of the change.
 */
export function maintainKeys({ keyring, ledger, forge, observe, ...options }: MaintainOptions): Maintenance {
  const { clock = systemClock, everyMs = 15_000 } = options;
  const places: readonly (readonly [Sql, readonly SealedColumn[]])[] = [
    [ledger, ledgerColumns],
    ...(forge === undefined ? [] : [[forge, forgeColumns] as const]),
  ];
  let clean: { readonly key: string; readonly atMs: number } | undefined;
  let looking: Promise<number> | undefined;

  const lookNow = async (): Promise<number> => {
    const key = keyring.current();
    if (clean?.key === key && clock.monotonicMs() - clean.atMs < hourMs) return 0;
    let [resealed, failed] = [0, 0];
    for (const [sql, columns] of places) {
      const done = await reseal(sql, keyring.vault, key, columns, observe);
      [resealed, failed] = [resealed + done.resealed, failed + done.failed];
    }
    if (resealed > 0) observe({ kind: "keys.resealed", key, values: resealed, failed });
    if (forge !== undefined && failed === 0) await retireUnused(key);
    // What was sealed by others while this ran is seen by a second pass that finds nothing.
    if (resealed === 0) clean = { key, atMs: clock.monotonicMs() };
    return resealed;
  };

  const retireUnused = async (current: string): Promise<void> => {
    const used = new Set([current]);
    for (const [sql, columns] of places) for (const id of await keysInUse(sql, columns)) used.add(id);
    const unused = (await keyring.list()).filter(
      ({ id, purpose, activeInMs, retiredAt }) =>
        purpose === "data" && activeInMs < -60_000 && retiredAt === null && !used.has(id),
    );
    if (unused.length > 0)
      await retireDataKeys(
        ledger,
        unused.map(({ id }) => id),
      );
  };

  const look = (): Promise<number> => {
    looking ??= lookNow().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(
    () => void look().catch((thrown) => reportFault(observe, "keys.maintain", thrown)),
    everyMs,
  );
  return {
    look,
    async close() {
      clearInterval(timer);
      await looking?.catch(() => undefined);
    },
  };
}
