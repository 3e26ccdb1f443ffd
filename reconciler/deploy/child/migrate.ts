import type { MachineDriver } from "../../../platform/compute/index.ts";
import { asNebulaError } from "../../../platform/core/index.ts";
import {
  type Applied,
  applyDirect,
  applyMigrations,
  type Door,
  listRan,
  losingWhy,
  type Migration,
  readMigration,
  recordOf,
  schemaDifference,
} from "../../../platform/migrations/index.ts";
import { databaseMissing } from "../../../platform/provider/index.ts";
import { connectionUrl, connectOnce } from "../../../platform/sql/index.ts";
import {
  type DatabaseSchema,
  type FailedMigration,
  getCredential,
  getSchema,
  holdFence,
  recordSchema,
} from "../../../platform/store/index.ts";
import { type JobResult, type MigrateJob, type Progress, toWireProblem } from "../messages.ts";
import type { Tools } from "./worker.ts";

type Told = (progress: Progress) => void;

/** Brings the schema of one database to its files, or tells how it differs from them. What it came to stands in the ledger. */
export async function migrate(tools: Tools, job: MigrateJob, tell: Told): Promise<JobResult> {
  const { machine } = tools;
  // Where nothing runs there is no schema.
  if (machine === undefined) return { kind: "acted", faults: [] };
  try {
    const about = await inDatabase(tools, machine, job, (door, ownerRole) =>
      act(tools, job, { door, ownerRole, tell }),
    );
    return { kind: "acted", faults: [], about };
  } catch (thrown) {
    return { kind: "acted", faults: [{ ...toWireProblem(thrown), database: job.database }] };
  }
}

/** Longer than a worker is lent for one file; it is asked for again with each. */
const awakeSeconds = 3_600;

async function inDatabase<T>(
  { sql, vault }: Tools,
  machine: MachineDriver,
  { database: id }: MigrateJob,
  body: (door: Door, ownerRole: string) => Promise<T>,
): Promise<T> {
  const seen = await machine.observe(id);
  const password = seen === undefined ? undefined : await getCredential(sql, vault, id, seen.ownerRole);
  if (seen === undefined || password === undefined) throw databaseMissing(`${id} has not been made yet`);
  const { host, socketPort: port, databaseName: database, ownerRole: user } = seen;
  await machine.hold(id, awakeSeconds);
  try {
    await machine.wake(id);
    const url = connectionUrl({ host, port, user, password, database });
    return await machine.machinery.admin(id, database, (admin) =>
      body({ admin, asOwner: (ask) => connectOnce(url, ask, { applicationName: "nebula migrate" }) }, user),
    );
  } finally {
    await machine.hold(id, 0).catch(() => undefined);
  }
}

type Inside = { readonly door: Door; readonly ownerRole: string; readonly tell: Told };

async function act(tools: Tools, job: MigrateJob, inside: Inside): Promise<Readonly<Record<string, unknown>>> {
  const { door, ownerRole } = inside;
  const { folder, stack: scope, fence, commit, operation } = job;
  const by = { folder, scope, fence, commit, operation, ownerRole };
  switch (job.verb) {
    case "diff":
      return schemaDifference(door.admin);
    case "direct": {
      const fingerprint = await applyDirect(door, { ...by, text: job.sql ?? "" });
      const record = (await listRan(door.admin)).filter((row) => row.folder === folder);
      await note(tools, job, toSchema(job, { record, fingerprint, waits: null }));
      return { ran: [job.operation], fingerprint };
    }
    case "apply":
      return apply(tools, job, inside);
  }
}

async function apply(tools: Tools, job: MigrateJob, { door, ownerRole, tell }: Inside) {
  const { folder, stack: scope, fence, commit, operation, careful } = job;
  const migrations = await Promise.all(job.files.map(readMigration));
  try {
    const applied = await applyMigrations(door, {
      ...{ folder, migrations, ownerRole, scope, fence, commit, operation, careful },
      told: async ({ file }, how, durationMs) => {
        tools.observe({ kind: "migration.ran", instance: job.database, durationMs });
        tell({
          phase: "migrate",
          message: `${file} ${how === "ran" ? "ran" : "was there already"}`,
          data: { file, durationMs },
        });
      },
    });
    await note(tools, job, toSchema(job, applied));
    const { ran, waits, fingerprint } = applied;
    if (waits !== null) tell({ phase: "migrate", message: `${waits.file} waits: ${losingWhy(waits)}` });
    return { ran, fingerprint, waits: waits?.file ?? null };
  } catch (thrown) {
    await noteFailure(tools, job, door, migrations, thrown);
    throw thrown;
  }
}

const toSchema = (
  job: MigrateJob,
  { record, fingerprint, waits }: Pick<Applied, "record" | "fingerprint" | "waits">,
): Omit<DatabaseSchema, "at"> => ({
  ...{ instance: job.database, operation: job.operation, fingerprint, failed: null },
  applied: recordOf(record),
  waits: waits === null ? null : { file: waits.file, checksum: waits.checksum, why: losingWhy(waits) },
});

/** What stopped it, beside what did run: for lists, and for the review of what is to correct it. */
async function noteFailure(
  tools: Tools,
  job: MigrateJob,
  { admin }: Door,
  migrations: readonly Migration[],
  thrown: unknown,
): Promise<void> {
  const { code, message, fields } = asNebulaError(thrown);
  const file = migrations.find((one) => one.file === fields?.migration);
  if (file === undefined) return;
  const { line, column } = { line: 1, column: 1, ...fields } as Pick<FailedMigration, "line" | "column">;
  const record = (await listRan(admin)).filter(({ folder }) => folder === job.folder);
  const before = await getSchema(tools.sql, job.database);
  await note(tools, job, {
    ...{ instance: job.database, operation: job.operation, waits: null },
    applied: recordOf(record),
    fingerprint: before?.fingerprint ?? null,
    failed: { file: file.file, checksum: file.checksum, code, message, line, column },
  });
}

const note = ({ sql }: Tools, { stack, fence }: MigrateJob, schema: Omit<DatabaseSchema, "at">): Promise<void> =>
  sql.tx(async (tx) => {
    await holdFence(tx, stack, fence);
    await recordSchema(tx, schema);
  });
