import { z } from "zod";
import { noteInLedger, type Target } from "../../../platform/backup/index.ts";
import { databaseMissing } from "../../../platform/provider/index.ts";
import type { DatabaseId } from "../../../platform/spec/index.ts";
import { getInstance, holdFence, recordInstance } from "../../../platform/store/index.ts";
import { type BackupJob, type JobResult, toWireProblem } from "../messages.ts";
import type { Tools } from "./worker.ts";

/** As an operation's parameters have it. */
const target = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("time"), at: z.iso.datetime({ offset: true }) }),
  z.object({ kind: z.literal("point"), name: z.string(), lsn: z.string() }),
  z.object({ kind: z.literal("lsn"), lsn: z.string() }),
  z.object({ kind: z.literal("backup"), label: z.string() }),
  z.object({ kind: z.literal("latest") }),
]);
const restoreParams = z.object({ target, preview: z.boolean().default(false) });
const backupParams = z.object({ kind: z.enum(["full", "incremental"]).default("incremental") });

/** Takes a backup of one database, or puts it back to a moment; the answer is the operation's result. */
export async function backUp(tools: Tools, job: BackupJob): Promise<JobResult> {
  try {
    return { kind: "acted", faults: [], about: await (job.verb === "take" ? take(tools, job) : restore(tools, job)) };
  } catch (thrown) {
    return { kind: "acted", faults: [{ ...toWireProblem(thrown), database: job.database }] };
  }
}

async function take({ sql, backups }: Tools, { database: id, operation, params }: BackupJob) {
  const known = await getInstance(sql, id);
  if (known === undefined || backups === undefined) throw databaseMissing(`${id} has not been made yet`);
  const { retentionSeconds, pitr } = known.spec.backups;
  const { kind } = backupParams.parse(params);
  const base = await backups.take(id, { kind, retentionSeconds, pitr });
  await noteInLedger(sql, backups, id, { label: base.label, operation });
  const { label, kind: taken, startedAt, endedAt, tar } = base;
  return { label, kind: taken, startedAt, endedAt, storedBytes: tar.storedBytes };
}

/**
 * Under the stack's fence: nobody else changes the database meanwhile. Its passwords are those of that moment until the last step sets
 * the present ones.
 */
async function restore(tools: Tools, job: BackupJob): Promise<Readonly<Record<string, unknown>>> {
  const { sql, backups, direct } = tools;
  const { database: id, stack, fence, operation } = job;
  if (backups === undefined) throw databaseMissing(`${id} has not been made yet`);
  const { preview, target: wire } = restoreParams.parse(job.params);
  const wanted: Target = wire.kind === "time" ? { kind: "time", at: new Date(wire.at) } : wire;
  if (preview) return { ...(await backups.preview(id, wanted)) };
  await sql.tx(async (tx) => {
    await holdFence(tx, stack, fence);
    const known = await getInstance(tx, id);
    if (known === undefined || known.stack !== stack) throw databaseMissing(`${stack} has no database ${id}`);
    const { identity } = await backups.restoreInPlace(id, { target: wanted, request: operation });
    await recordInstance(tx, { id, fence, phase: known.phase === "Failed" ? "Ready" : known.phase, identity });
  });
  await direct.operate({ stack, fence, commit: null }).heal(id as DatabaseId);
  await noteInLedger(sql, backups, id);
  return { restored: id, target: wire };
}
