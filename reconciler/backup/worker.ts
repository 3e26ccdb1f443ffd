/**
 * Backups as they are due, for as long as we hold the lease: the log as it comes, base backups, expiry, trials, the second location.
 *
 * 1. One thing at a time besides the log, which waits for nothing.
 * 2. What fails is noted at the database, reported once, and tried again; nothing else waits for it.
 * 3. What the store holds is the truth; the ledger's rows are brought up to it after each change.
 */
import pLimit from "p-limit";
import { type Backups, noteInLedger } from "../../platform/backup/index.ts";
import { asNebulaError, type Clock, makeRepeat, type Observe, reportFault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type BackupLine,
  type Instance,
  listBackupLines,
  listInstances,
  noteBackupProblem,
  noteBackups,
  recordShipped,
} from "../../platform/store/index.ts";
import { type BackupTimes, dueBackup, isDue, usualTimes } from "./due.ts";

export type BackupWorker = {
  start(): void;
  close(): Promise<void> /** One look now, for tests. */;
  pass(): Promise<void>;
};

export type BackupWorkerParts = {
  readonly sql: Sql;
  readonly backups: Backups;
  /** The instances of this machine. */
  readonly ids: () => Promise<readonly DatabaseId[]>;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly times?: Partial<BackupTimes>;
};

/** An idle database's position is noted so often, a sleeping one's so rarely. */
const lookAgainMs = { running: 60_000, asleep: 3_600_000 } as const;

export function makeBackupWorker(parts: BackupWorkerParts): BackupWorker {
  const { sql, backups, clock, observe } = parts;
  const times: BackupTimes = { ...usualTimes, ...parts.times };
  const looked = new Map<string, number>();
  const problems = new Map<string, string>();

  const attempt = async (where: string, id: DatabaseId, body: () => Promise<unknown>): Promise<boolean> => {
    const key = `${where} ${id}`;
    try {
      await body();
      problems.delete(key);
      return true;
    } catch (thrown) {
      if (signal.aborted) return false;
      const { message } = asNebulaError(thrown);
      if (problems.get(key) !== message) reportFault(observe, `backup.${where}`, thrown, id);
      problems.set(key, message);
      await noteBackupProblem(sql, id, `${where}: ${message}`).catch(() => undefined);
      return false;
    }
  };

  const ship = async (id: DatabaseId) => {
    const waiting = await backups.waiting(id);
    if (waiting === undefined) return;
    const { parts: count, running, identity } = waiting;
    const since = clock.monotonicMs() - (looked.get(id) ?? Number.NEGATIVE_INFINITY);
    if (count === 0 && since < (running ? lookAgainMs.running : lookAgainMs.asleep)) return;
    const began = clock.monotonicMs();
    const { parts: shipped, storedBytes, coveredTo, lastSegment } = await backups.ship(id);
    looked.set(id, clock.monotonicMs());
    await recordShipped(sql, { instance: id, identity, coveredTo, lastSegment, moreBytes: storedBytes });
    if (shipped > 0)
      observe({ kind: "log.shipped", instance: id, parts: shipped, durationMs: clock.monotonicMs() - began });
  };

  const shipAll = async () => {
    const limit = pLimit(4);
    const ids = await parts.ids();
    await Promise.all(ids.map((id) => limit(() => attempt("ship", id, () => ship(id)))));
    for (const id of looked.keys()) if (!ids.includes(id as DatabaseId)) looked.delete(id);
  };

  const take = async (row: Instance, kind: "full" | "incremental") => {
    const began = clock.monotonicMs();
    const { retentionSeconds, pitr } = row.spec.backups;
    const base = await backups.take(row.id, { kind, retentionSeconds, pitr });
    await noteInLedger(sql, backups, row.id);
    observe({ kind: "backup.taken", instance: row.id, type: base.kind, durationMs: clock.monotonicMs() - began });
  };

  const tend = async (id: DatabaseId, row: Instance | undefined) => {
    const alive =
      row === undefined || row.phase === "Removed"
        ? undefined
        : { identity: row.identity, retentionSeconds: row.spec.backups.retentionSeconds };
    await backups.expire(id, alive);
    const [damage] = await backups.check(id, { deep: false });
    await noteInLedger(sql, backups, id);
    await noteBackups(sql, id, "tended");
    if (damage === undefined) return noteBackups(sql, id, "well");
    observe({ kind: "backup.damaged", instance: id, piece: damage.piece });
    throw new Error(`${damage.piece}: ${damage.problem}`);
  };

  const verify = async (id: DatabaseId) => {
    const began = clock.monotonicMs();
    await backups.verify(id);
    await noteBackups(sql, id, "verified");
    observe({ kind: "backup.verified", instance: id, durationMs: clock.monotonicMs() - began });
  };

  const copy = async (id: DatabaseId) => {
    const report = await backups.copy(id);
    if (report === undefined) return;
    const [damaged] = report.damaged;
    if (damaged !== undefined) throw new Error(`${damaged} does not open and was not copied`);
    await noteBackups(sql, id, "copied");
  };

  const pass = async () => {
    const rows = await listInstances(sql);
    const lines = Map.groupBy(await listBackupLines(sql), ({ instance }) => instance);
    const local = rows.filter(({ placement }) => placement === "local");
    for (const row of local) {
      if (signal.aborted) return;
      const line = lines.get(row.id)?.find(({ identity }) => identity === row.identity);
      const due = dueBackup(row, line, { nowMs: clock.now(), times });
      if (due !== undefined) await attempt("take", row.id, () => take(row, due));
    }
    for (const [id, held] of lines) {
      if (signal.aborted) return;
      const row = local.find((one) => one.id === id);
      await tendOne(id as DatabaseId, held, row);
    }
  };

  const tendOne = async (id: DatabaseId, held: readonly BackupLine[], row: Instance | undefined) => {
    const nowMs = clock.now();
    const due = (read: (line: BackupLine) => Date | null, everyMs: number) =>
      held.some((line) => isDue(read(line), everyMs, nowMs));
    if (due(({ tendedAt }) => tendedAt, times.tendEveryMs)) await attempt("tend", id, () => tend(id, row));
    if (backups.second !== null && due(({ copiedAt }) => copiedAt, times.copyEveryMs))
      await attempt("copy", id, () => copy(id));
    const since = (line: BackupLine) => line.verifiedAt ?? line.fullAt;
    if (held.some((line) => line.fullAt !== null && isDue(since(line), times.verifyEveryMs, nowMs)))
      await attempt("verify", id, () => verify(id));
  };

  const shipping = makeRepeat({ clock, everyMs: times.shipEveryMs, where: "backup.ship", observe }, shipAll);
  const looking = makeRepeat({ clock, everyMs: times.lookEveryMs, where: "backup.look", observe }, pass);
  const { signal } = looking; // both close together

  return {
    start: () => {
      shipping.start();
      looking.start();
    },
    pass: async () => {
      await shipAll();
      await pass();
    },
    async close() {
      await Promise.all([shipping.close(), looking.close()]);
    },
  };
}
