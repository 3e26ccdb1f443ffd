/** What PgBouncer says of its databases: server connections that stand, and what passed since it was last asked. */
import type { ConsoleRow } from "./console.ts";

export type Traffic = { readonly bytesIn: number; readonly bytesOut: number; readonly transactions: number };

const number = (row: ConsoleRow, name: string): number => Number(row[name] ?? 0);

/** Server connections by name, those that are being made included. */
export const connectionsIn = (databases: readonly ConsoleRow[]): ReadonlyMap<string, number> =>
  new Map(databases.map((row) => [row.name ?? "", number(row, "current_connections")]));

/** A fold over `SHOW STATS_TOTALS`, which counts from PgBouncer's start. */
export type TrafficFold = {
  /** What is more than last time, by name. */
  take(totals: readonly ConsoleRow[]): ReadonlyMap<string, Traffic>;
  /** This PgBouncer has just begun: it counts from nothing. */
  began(): void;
  /** This one has counted for somebody else: what stands there the next time was theirs. */
  inherited(): void;
};

export function makeTrafficFold(): TrafficFold {
  let before = new Map<string, Traffic>();
  let isOurs = true;
  return {
    take(totals) {
      const now = new Map(totals.map((row): [string, Traffic] => [row.database ?? "", readTotals(row)]));
      const grown = new Map<string, Traffic>();
      if (isOurs)
        for (const [name, traffic] of now) {
          const more = minus(traffic, before.get(name) ?? nothing);
          if (more.bytesIn > 0 || more.bytesOut > 0 || more.transactions > 0) grown.set(name, more);
        }
      before = now;
      isOurs = true;
      return grown;
    },
    began() {
      before = new Map();
      isOurs = true;
    },
    inherited() {
      isOurs = false;
    },
  };
}

const nothing: Traffic = { bytesIn: 0, bytesOut: 0, transactions: 0 };

const readTotals = (row: ConsoleRow): Traffic => ({
  bytesIn: number(row, "bytes_received"),
  bytesOut: number(row, "bytes_sent"),
  transactions: number(row, "xact_count") + number(row, "query_count"),
});

const minus = (a: Traffic, b: Traffic): Traffic => ({
  bytesIn: a.bytesIn - b.bytesIn,
  bytesOut: a.bytesOut - b.bytesOut,
  transactions: a.transactions - b.transactions,
});

/** Runs a query for everybody who asks while none has begun: who asks is answered by one that begins afterwards. */
export function coalesced<T>(query: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        const asked = query();
        running = asked;
        next = undefined;
        return asked;
      });
    return next;
  };
}
