import pLimit from "p-limit";
import type { ComputeDriver } from "../../platform/compute/index.ts";
import { type Clock, makeRepeat, type Observe, reportFault, systemClock } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type Instance,
  listInstances,
  type StorageLevel,
  type StorageSeen,
  setStorageSeen,
  storageLevel,
} from "../../platform/store/index.ts";
import { nextLookMs } from "./next-look.ts";

export type StoragePass = {
  /** One turn now: everything that is due is looked at; how many. */
  run(): Promise<number>;
  start(): void;
  close(): Promise<void>;
};

type Options = {
  readonly sql: Sql;
  readonly driver: Pick<ComputeDriver, "tendStorage">;
  readonly observe: Observe;
  readonly clock?: Clock;
  readonly everyMs?: number;
};

/** What is known of one database between two looks. */
type Slot = {
  readonly id: DatabaseId;
  dueMs: number;
  level: StorageLevel;
  /** As the ledger has it. */
  noted: StorageSeen;
  usedBytes: number | null;
  writtenMs: number | undefined;
};

/** New databases are known after so long. */
const listEveryMs = 10_000;
/** A change of so little is not worth a row. */
const worthNoting = 0.005;

export function makeStoragePass({ sql, driver, observe, clock = systemClock, everyMs = 1_000 }: Options): StoragePass {
  const slots = new Map<string, Slot>();
  let listedMs = Number.NEGATIVE_INFINITY;

  const list = async (): Promise<void> => {
    const rows = await listInstances(sql, { phases: ["Ready", "Paused", "Failed"] });
    const local = rows.filter(({ placement }) => placement === "local");
    const ids = new Set<string>(local.map(({ id }) => id));
    for (const id of slots.keys()) if (!ids.has(id)) slots.delete(id);
    for (const row of local) if (!slots.has(row.id)) slots.set(row.id, slotOf(row));
    listedMs = clock.monotonicMs();
  };

  const look = async (slot: Slot): Promise<void> => {
    const tended = await driver.tendStorage(slot.id, slot.writtenMs);
    if (tended === undefined) {
      slot.dueMs = clock.monotonicMs() + listEveryMs;
      return;
    }
    const { limitBytes, mode, writtenMs } = tended;
    const usedBytes = tended.usedBytes ?? slot.usedBytes ?? 0;
    Object.assign(slot, { usedBytes, writtenMs, dueMs: clock.monotonicMs() + nextLookMs(usedBytes, limitBytes) });
    const seen: StorageSeen = { storageUsedBytes: usedBytes, storageMode: mode };
    const level = storageLevel(seen, limitBytes);
    const moved = Math.abs(usedBytes - (slot.noted.storageUsedBytes ?? -limitBytes));
    if (level !== slot.level || mode !== slot.noted.storageMode || moved > worthNoting * limitBytes) {
      await setStorageSeen(sql, slot.id, seen);
      slot.noted = seen;
    }
    if (level !== slot.level)
      observe({ kind: "storage.level", instance: slot.id, level, percent: Math.round((100 * usedBytes) / limitBytes) });
    slot.level = level;
  };

  const run = async (): Promise<number> => {
    const nowMs = clock.monotonicMs();
    if (nowMs - listedMs >= listEveryMs) await list();
    const due = [...slots.values()].filter(({ dueMs }) => dueMs <= nowMs);
    const limit = pLimit(4);
    await Promise.all(due.map((slot) => limit(() => look(slot).catch((thrown) => fail(slot, thrown)))));
    return due.length;
  };

  /** What cannot be measured now is measured later, and keeps nobody else waiting. */
  const fail = (slot: Slot, thrown: unknown): void => {
    slot.dueMs = clock.monotonicMs() + listEveryMs;
    reportFault(observe, "storage.look", thrown, slot.id);
  };

  const repeat = makeRepeat({ clock, everyMs, where: "storage.pass", observe }, run);
  return { run, start: repeat.start, close: repeat.close };
}

const slotOf = (row: Instance): Slot => ({
  ...{ id: row.id, dueMs: Number.NEGATIVE_INFINITY, usedBytes: row.storageUsedBytes, writtenMs: undefined },
  level: storageLevel(row, row.spec.storageBytes),
  noted: { storageUsedBytes: row.storageUsedBytes, storageMode: row.storageMode },
});
