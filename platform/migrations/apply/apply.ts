import { failpoint } from "../../core/index.ts";
import { migrationOutOfOrder, recordDiffers } from "../errors.ts";
import { losesData } from "../lint/lint.ts";
import { inOrder, type Migration } from "../read/migration.ts";
import { fingerprintOf, takeSnapshot } from "../schema/snapshot.ts";
import {
  ensureRecord,
  type Hold,
  listRan,
  noteRan,
  noteSnapshot,
  type Ran,
  type Run,
  readNoted,
  takeHold,
} from "./record.ts";
import { type Door, type RunLimits, runFile, usualLimits, type Watch } from "./run-file.ts";

export type ApplyInput = Hold & {
  /** Whose folder the files are in: the database's own name, or its parent's. */
  readonly folder: string;
  /** Every file that Git has, whether it ran or not. */
  readonly migrations: readonly Migration[];
  readonly ownerRole: string;
  readonly commit: string | null;
  readonly operation: string | null;
  /** After the data went back: stops before the first that loses data. */
  readonly careful?: boolean;
  readonly limits?: Partial<RunLimits>;
  readonly watch?: Watch;
  /** Each file, when it is done. */
  readonly told?: (migration: Migration, how: "ran" | "adopted", durationMs: number) => Promise<void>;
};

export type Applied = {
  readonly ran: readonly string[];
  /** By file: everything of this folder that ran, whenever it did. */
  readonly record: readonly Ran[];
  /** Of the schema now; null when no migration has ever run. */
  readonly fingerprint: string | null;
  /** Stopped before it. */
  readonly waits: Migration | null;
};

/**
 * Runs what did not run yet, each file once, in the order of their numbers. May be repeated after a kill at any point.
 * @throws NEB440-NEB444, NEB145
 */
export async function applyMigrations(door: Door, input: ApplyInput): Promise<Applied> {
  const { admin } = door;
  await ensureRecord(admin, input.ownerRole);
  const begun = await takeHold(admin, input);
  failpoint("migrate.held");
  const before = (await listRan(admin)).filter(({ folder }) => folder === input.folder);
  const missing = missingOf(input.migrations, before);
  const ran: string[] = [];
  let waits: Migration | null = null;
  for (const migration of missing) {
    if (input.careful === true && losesData(migration)) {
      waits = migration;
      break;
    }
    const { folder, scope, fence, commit, operation } = input;
    const run: Run = { folder, file: migration.file, checksum: migration.checksum, commit, operation, scope, fence };
    const began = performance.now();
    const how = await runOne(door, migration, run, { ...input, begunBefore: begun.has(`${folder}/${migration.file}`) });
    ran.push(migration.file);
    await input.told?.(migration, how, performance.now() - began);
  }
  const known = (await readNoted(admin))?.fingerprint ?? null;
  const record = (await listRan(admin)).filter(({ folder }) => folder === input.folder);
  const isStale = ran.length > 0 || (known === null && record.length > 0);
  const fingerprint = isStale ? await noteSchema(door) : known;
  return { ran, record, fingerprint, waits };
}

/** Those without a row, in order. @throws NEB441 when a row says otherwise than its file, NEB145 when one comes too late. */
export function missingOf(
  migrations: readonly Migration[],
  ran: readonly Pick<Ran, "file" | "checksum">[],
): readonly Migration[] {
  const rows = new Map(ran.map((row) => [row.file, row]));
  const last = Math.max(0, ...ran.map(({ file }) => numberOf(file)));
  for (const { file, checksum, number, path } of migrations) {
    const row = rows.get(file);
    if (row !== undefined && row.checksum !== checksum) throw recordDiffers(`${path} ran with another text`);
    if (row === undefined && number <= last)
      throw migrationOutOfOrder(`${path}: ${ran.findLast((one) => numberOf(one.file) >= number)?.file} ran already`);
  }
  return inOrder(migrations.filter(({ file }) => !rows.has(file)));
}

export const numberOf = (file: string): number => Number(/^\d+/.exec(file)?.[0] ?? 0);

type RunOptions = Pick<ApplyInput, "limits" | "watch"> & { readonly begunBefore: boolean };

async function runOne(door: Door, migration: Migration, run: Run, options: RunOptions): Promise<"ran" | "adopted"> {
  const { alreadyIn } = migration;
  if (alreadyIn !== null && alreadyIn === fingerprintOf(await takeSnapshot(door.admin))) {
    await noteRan(door.admin, run, { adopted: true, durationMs: 0 });
    return "adopted";
  }
  await runFile(door, migration, run, {
    ...usualLimits,
    ...options.limits,
    watch: options.watch,
    begunBefore: options.begunBefore,
  });
  return "ran";
}

/** The schema as it is now is the one that the migrations give. */
export async function noteSchema({ admin }: Pick<Door, "admin">): Promise<string> {
  const snapshot = await takeSnapshot(admin);
  const fingerprint = fingerprintOf(snapshot);
  await noteSnapshot(admin, snapshot, fingerprint);
  return fingerprint;
}
