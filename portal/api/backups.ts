import { z } from "zod";
import type { DatabaseId } from "../../platform/spec/index.ts";
import {
  enqueueOperation,
  getRestorePoint,
  type InstanceRecordPhase,
  listBackupLines,
  listBackups,
  type OperationType,
  restorableWindow,
  whyNotRestorable,
} from "../../platform/store/index.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { type DatabaseView, findView } from "./databases/view.ts";
import { requestProblems, wrongState } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { change, named, timestamp } from "./schemas.ts";
import { operationToWire, time, timeOrNull } from "./wire.ts";

const backup = z.strictObject({
  label: z.string(),
  kind: z.enum(["full", "incremental"]),
  parent: z.string().nullable().describe("What an incremental one is on top of."),
  startedAt: timestamp,
  endedAt: timestamp,
  storedBytes: z.number(),
  operation: z.string().nullable().describe("Who asked; null: it was due."),
});

const backups = named(
  "Backups",
  "What is kept of a database, and which moments can be restored.",
  z.strictObject({
    recoverableFrom: timestamp.nullable().describe("null: nothing can be restored yet."),
    recoverableTo: timestamp.nullable().describe("What is stored by now; a restore fetches the seconds that are not."),
    storedBytes: z.number(),
    verifiedAt: timestamp.nullable().describe("When a restore was last tried and came out right."),
    problem: z.string().nullable(),
    items: z.array(backup).describe("Newest first."),
  }),
);

const target = {
  at: z.iso.datetime({ offset: true }).optional().describe("A moment: everything that was committed until then."),
  point: z.string().max(64).optional().describe("A restore point, by its id."),
  backup: z.string().max(200).optional().describe("A backup as it was taken, by its label."),
};

const queued = json("Queued", change, { Location: "The operation to follow." });

export const backupRoutes = [
  route({
    method: "get",
    path: `${member}/backups`,
    operationId: "databases.backups",
    scope: "databases:read",
    target: inDatabase,
    summary: "Backups of a database, and what can be restored",
    params: databaseParams,
    replies: { 200: json("The backups", backups) },
  }).handle(async ({ params: { domain, project, database } }, portal) => {
    const { instance } = await findView(portal, domain, project, database);
    return { status: 200, body: await backupsOf(portal, instance?.id) };
  }),

  route({
    method: "post",
    path: `${member}/backup`,
    operationId: "databases.backup",
    scope: "databases:run",
    target: inDatabase,
    atomic: true,
    summary: "Take a backup now",
    params: databaseParams,
    body: z.strictObject({ kind: z.enum(["full", "incremental"]).optional() }).optional(),
    replies: { 202: queued },
  }).handle(async ({ principal, params: { domain, project, database }, body }, portal) => {
    const view = await mustBe(portal, ["Ready"], { domain, project, database });
    const { kind } = body ?? {};
    return ask(portal, view, { type: "BACKUP", step: "backup", by: principal.user, params: kind ? { kind } : {} });
  }),

  route({
    method: "post",
    path: `${member}/restore`,
    operationId: "databases.restore",
    scope: "databases:run",
    target: inDatabase,
    atomic: true,
    summary: "Put a database back to a moment, in place; or look at what that would change",
    description:
      "With `preview` nothing changes: the operation's result says which tables would differ, by how many rows. Without it " +
      "`confirm` repeats the database's name: what was committed after the moment is lost, the data as it was is put aside, and " +
      "sessions end. To have both, branch instead: POST .../branches with `at` makes a new database of that moment.",
    params: databaseParams,
    body: z.strictObject({ ...target, preview: z.boolean().optional(), confirm: z.string().max(64).optional() }),
    replies: { 202: queued },
  }).handle(async ({ principal, params: { domain, project, database }, body }, portal) => {
    const { preview = false, confirm } = body;
    const view = await mustBe(portal, ["Ready", "Failed"], { domain, project, database });
    const wanted = await targetOf(portal, view, body);
    if (!preview && confirm !== database)
      throw requestProblems([
        { path: "confirm", message: `must repeat the name, "${database}": what came later is lost` },
      ]);
    const params = { target: wanted, preview };
    return ask(portal, view, { type: "RESTORE", step: "restore", by: principal.user, params });
  }),
];

type Place = { readonly domain: string; readonly project: string; readonly database: string };
type Made = DatabaseView & { readonly instance: NonNullable<DatabaseView["instance"]> };

async function mustBe(portal: Portal, phases: readonly InstanceRecordPhase[], at: Place): Promise<Made> {
  const { domain, project, database } = at;
  const view = await findView(portal, domain, project, database);
  const { instance } = view;
  if (instance === null || !phases.includes(instance.phase))
    throw wrongState(`${domain}/${project}/${database} is ${instance?.phase ?? "not made yet"}, not ${phases[0]}`);
  return { ...view, instance };
}

type Asked = {
  readonly type: OperationType;
  readonly step: "backup" | "restore";
  readonly by: string;
  readonly params: Readonly<Record<string, unknown>>;
};

async function ask({ sql }: Portal, { project, name }: Made, { type, step, by, params }: Asked) {
  const operation = await enqueueOperation(sql, {
    ...{ stack: project.stack, type, database: name, requestedBy: by, params },
    deadlineSeconds: 6 * 3600,
  });
  return {
    status: 202 as const,
    body: { step, pull: null, operation: operationToWire(operation) },
    headers: { location: `/api/v1/operations/${operation.id}` },
    trail: { operation: operation.id, details: params },
  };
}

async function backupsOf({ sql }: Portal, id: DatabaseId | undefined) {
  const [lines, items] =
    id === undefined
      ? [[], []]
      : await Promise.all([listBackupLines(sql, id), listBackups(sql, { instance: id, limit: 200 })]);
  const [current] = lines;
  const window = restorableWindow(lines);
  return {
    recoverableFrom: timeOrNull(window?.from ?? null),
    recoverableTo: timeOrNull(window?.to ?? null),
    storedBytes: lines.reduce((sum, line) => sum + line.storedBytes, 0),
    verifiedAt: timeOrNull(current?.verifiedAt ?? null),
    problem: current?.problem ?? null,
    items: items.map(({ label, kind, parent, startedAt, endedAt, storedBytes, operation }) => ({
      ...{ label, kind, parent, storedBytes, operation },
      startedAt: time(startedAt),
      endedAt: time(endedAt),
    })),
  };
}

type Body = { readonly [K in keyof typeof target]?: string | undefined };

/** What the operation is told. The moment is held against what is stored here already; the restore itself looks again. */
async function targetOf(portal: Portal, { instance }: Made, { at, point, backup: label }: Body) {
  const said = [at, point, label].filter((one) => one !== undefined);
  if (said.length !== 1) throw requestProblems([{ path: "", message: "names one of at, point and backup" }]);
  if (label !== undefined) return { kind: "backup", label };
  if (point !== undefined) {
    const found = await getRestorePoint(portal.sql, instance.id, point);
    if (found === undefined)
      throw requestProblems([{ path: "point", message: "is no restore point of this database" }]);
    return { kind: "point", name: found.name, lsn: found.lsn };
  }
  const moment = new Date(at ?? "");
  await mustBeRestorable(portal, instance.id, moment);
  return { kind: "time", at: moment.toISOString() };
}

/** By what the ledger knows of a database's backups; the review says the same of a branch. @throws NEB601 naming the window */
export async function mustBeRestorable({ sql, clock }: Portal, id: DatabaseId, moment: Date): Promise<void> {
  const window = restorableWindow(await listBackupLines(sql, id));
  const why = moment.getTime() > clock.now() ? "has not come" : whyNotRestorable(moment, window);
  if (why !== undefined) throw requestProblems([{ path: "at", message: why }]);
}
