import { textMissing } from "../../platform/migrations/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  type Claim,
  type DatabaseSchema,
  enqueueOperation,
  forgetSchema,
  getInstance,
  getMigrationTexts,
  getSchema,
  type Instance,
  isMigrationQueued,
  listInstances,
  listSchemas,
  type Operation,
  type OperationType,
} from "../../platform/store/index.ts";
import type { MigrateJob } from "./messages.ts";

type Files = Readonly<Record<string, string>>;

/** What a claimed MIGRATE does: to the files that were deployed last, or what its parameters say. @throws NEB445 */
export async function migrateJob(sql: Sql, { operation, stack, fence }: Claim): Promise<MigrateJob> {
  const { params } = operation;
  const database = `${stack}.${operation.database ?? ""}` as DatabaseId;
  const about = { kind: "migrate", stack, fence, database, operation: operation.id, commit: operation.commit } as const;
  const folder = typeof params.folder === "string" ? params.folder : (operation.database ?? "");
  const none = { folder, files: [], careful: false, sql: null };
  if (params.verb === "diff") return { ...about, ...none, verb: "diff" };
  if (params.verb === "direct") return { ...about, ...none, verb: "direct", sql: String(params.sql ?? "") };
  const known = await getInstance(sql, database);
  const declared = (params.files as Files | undefined) ?? known?.spec.migrations ?? {};
  const wanted = params.go === true ? declared : runnable(declared, await getSchema(sql, database));
  const files = await withTexts(sql, folder, stack, wanted);
  return { ...about, folder, verb: "apply", files, careful: params.careful === true, sql: null };
}

async function withTexts(sql: Sql, folder: string, stack: string, wanted: Files): Promise<MigrateJob["files"]> {
  const texts = await getMigrationTexts(sql, Object.values(wanted));
  return Object.entries(wanted).map(([file, checksum]) => {
    const text = texts.get(checksum);
    const path = `tenants/${stack.replace(".", "/")}/${folder}/migrations/${file}.sql`;
    if (text === undefined) throw textMissing(`${path} as it was merged is not in the ledger`);
    return { file, text, path };
  });
}

/** Without those from the one on that waits for a person's word, as long as it says the same. */
export function runnable(declared: Files, schema: Pick<DatabaseSchema, "waits"> | undefined): Files {
  const waits = schema?.waits ?? null;
  if (waits === null || declared[waits.file] !== waits.checksum) return declared;
  return Object.fromEntries(Object.entries(declared).filter(([file]) => numberOf(file) < numberOf(waits.file)));
}

const numberOf = (file: string): number => Number(/^\d+/.exec(file)?.[0] ?? 0);

const isMissing = (declared: Files, schema: DatabaseSchema | undefined): boolean =>
  Object.entries(runnable(declared, schema)).some(([file, checksum]) => schema?.applied[file]?.checksum !== checksum);

/** After what may have changed files, data, or whether a server runs. */
const followed: ReadonlySet<OperationType> = new Set(["DEPLOY", "RESTORE", "RESUME", "BRANCH", "IMPORT"]);

/**
 * Queues what an operation that ended well leaves to be done: a MIGRATE for each database whose files have not all run. In the
 * transaction that ends it, so that no kill lies between the two. How many.
 */
export async function queueMigrations(tx: Sql, operation: Operation): Promise<number> {
  const { type, state, stack, database, params } = operation;
  if (state !== "COMPLETED" || !followed.has(type) || params.preview === true) return 0;
  const replaced = type === "RESTORE" || params.verb === "reset";
  if (replaced && database !== null) await forgetSchema(tx, `${stack}.${database}`);
  const instances = (await listInstances(tx, { stack, phases: ["Ready"] })).filter(
    (one) => one.spec.migrations !== undefined && (type === "DEPLOY" || one.database === database),
  );
  if (instances.length === 0) return 0;
  const schemas = new Map((await listSchemas(tx, stack)).map((schema) => [schema.instance, schema]));
  const missing = instances.filter((one) => isMissing(one.spec.migrations ?? {}, schemas.get(one.id)));
  for (const one of missing) await queueOne(tx, operation, one, type === "RESTORE");
  return missing.length;
}

async function queueOne(tx: Sql, after: Operation, instance: Instance, careful: boolean): Promise<void> {
  const { stack, database, commit } = instance;
  if (await isMigrationQueued(tx, stack, database)) return;
  await enqueueOperation(tx, {
    ...{ stack, database, type: "MIGRATE", requestedBy: after.requestedBy, pullNumber: after.pullNumber },
    commit: after.commit ?? commit,
    params: careful ? { verb: "apply", careful } : { verb: "apply" },
    deadlineSeconds: 4 * 3600,
  });
}
