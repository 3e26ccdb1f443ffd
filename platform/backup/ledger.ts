import type { DatabaseId } from "../spec/index.ts";
import type { Sql } from "../sql/index.ts";
import { expireBackupRows, forgetBackupLines, recordBackup, recordBackupLine } from "../store/index.ts";
import type { Backups } from "./backups.ts";
import { segmentAt } from "./log-names.ts";

/** Writes into the ledger what the store's catalog says of a database now. `taken`: who asked for the newest backup. */
export async function noteInLedger(
  sql: Sql,
  backups: Pick<Backups, "lines">,
  id: DatabaseId,
  taken?: { readonly label: string; readonly operation: string },
): Promise<void> {
  const lines = await backups.lines(id);
  for (const { identity, bases, window, coveredTo, last, storedBytes } of lines) {
    const newest = bases.at(-1);
    const full = bases.findLast(({ kind }) => kind === "full");
    await recordBackupLine(sql, {
      ...{ instance: id, identity, storedBytes, lastSegment: last },
      recoverableFrom: window?.from ?? null,
      coveredTo: coveredTo === null ? null : new Date(coveredTo),
      baseLabel: newest?.label ?? null,
      baseAt: newest === undefined ? null : new Date(newest.endedAt),
      baseSegment: newest === undefined ? null : segmentAt(newest.timeline, newest.stopLsn),
      fullAt: full === undefined ? null : new Date(full.endedAt),
    });
    for (const { label, kind, parent, startedAt, endedAt, startLsn, stopLsn, tar, manifest } of bases)
      await recordBackup(sql, {
        ...{ instance: id, identity, label, kind, parent, startLsn, stopLsn },
        startedAt: new Date(startedAt),
        endedAt: new Date(endedAt),
        storedBytes: tar.storedBytes + manifest.storedBytes,
        operation: taken?.label === label ? taken.operation : null,
      });
  }
  const labels = lines.flatMap(({ bases }) => bases.map(({ label }) => label));
  await expireBackupRows(sql, id, labels);
  await forgetBackupLines(
    sql,
    id,
    lines.map(({ identity }) => identity),
  );
}
