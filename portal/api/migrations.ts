import { z } from "zod";
import { numberOf } from "../../platform/migrations/index.ts";
import { databaseId } from "../../platform/spec/index.ts";
import { type DatabaseSchema, getSchema } from "../../platform/store/index.ts";
import { addMigration } from "./add-migration.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { type DatabaseView, findView } from "./databases/view.ts";
import { enqueue, mustRun, queued } from "./migration-queue.ts";
import { json, route } from "./route.ts";
import { change, named, timestamp } from "./schemas.ts";

const states = ["applied", "pending", "failed", "waiting", "changed", "removed", "direct"] as const;
type State = (typeof states)[number];

const migration = named(
  "Migration",
  "A file of SQL in the database's folder of migrations, and what became of it.",
  z.strictObject({
    file: z.string().describe("Without `.sql`."),
    state: z
      .enum(states)
      .describe(
        "`waiting`: it loses data, and the data went back to before it ran: somebody has to say that it runs again. `changed`, `removed`: " +
          "it ran, and Git says otherwise now. `direct`: it ran on a branch, without a file.",
      ),
    checksum: z.string().nullable().describe("SHA-256 of what it said when it ran, else of what it says."),
    appliedAt: timestamp.nullable(),
    commit: z.string().nullable(),
    operation: z.string().nullable(),
    adopted: z.boolean().describe("What it does was there already, made by hand: it was recorded and not run."),
    message: z.string().nullable().describe("Why it failed, or waits."),
    line: z.int().nullable(),
  }),
);

const newMigration = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,99}$/)
    .describe("What it does: `add_totals`. Its number is the next free one."),
  sql: z.string().min(1).max(1_048_576),
  autoMerge: z.boolean().optional().describe("Merge when every required check has passed. Default false."),
  direct: z.boolean().optional().describe("Run it at once, without a file: on a branch only. Default false."),
});

export const migrationRoutes = [
  route({
    method: "get",
    path: `${member}/migrations`,
    operationId: "databases.migrations",
    scope: "databases:read",
    target: inDatabase,
    summary: "Migrations of a database, and which of them ran",
    description: "As the database's own record said last; nothing is woken to look.",
    params: databaseParams,
    replies: {
      200: json(
        "By number",
        z.strictObject({
          items: z.array(migration),
          fingerprint: z.string().nullable().describe("Of the schema after the newest of them."),
          lookedAt: timestamp.nullable(),
        }),
      ),
    },
  }).handle(async ({ params: { domain, project, database } }, portal) => {
    const view = await findView(portal, domain, project, database);
    const schema = await getSchema(portal.sql, databaseId(domain, project, database));
    const { fingerprint = null, at } = schema ?? {};
    const lookedAt = at?.toISOString() ?? null;
    return { status: 200, body: { items: toMigrations(view, schema), fingerprint, lookedAt } };
  }),

  route({
    method: "post",
    path: `${member}/migrations`,
    operationId: "databases.newMigration",
    scope: "databases:write",
    target: inDatabase,
    summary: "Open a pull request that adds a migration; or run SQL at once on a branch",
    description:
      "The text is read by Postgres's own grammar first: what no migration can have is refused here, with its place. The review then " +
      "rehearses it on a copy of the database.",
    params: databaseParams,
    body: newMigration,
    replies: { 202: json("Nothing has changed yet", change, { Location: "The operation to follow." }) },
  }).handle(async (call, portal) => {
    const { domain, project, database } = call.params;
    const view = await findView(portal, domain, project, database);
    return addMigration(portal, call, view, call.body);
  }),

  route({
    method: "post",
    path: `${member}/migrate`,
    operationId: "databases.migrate",
    scope: "databases:run",
    target: inDatabase,
    atomic: true,
    summary: "Run the migrations that are merged and have not run, those that wait for somebody's word too",
    params: databaseParams,
    replies: { 202: json("Queued", change, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project, database } }, portal) => {
    const view = await findView(portal, domain, project, database);
    mustRun(view);
    const params = { verb: "apply", go: true };
    return queued(await enqueue(portal.sql, view, principal.user, params), "migrate");
  }),

  route({
    method: "post",
    path: `${member}/schema/diff`,
    operationId: "databases.schemaDiff",
    scope: "sql:read",
    target: inDatabase,
    atomic: true,
    summary: "Compare a database's schema with the one that its migrations give",
    description:
      "Wakes the database. The operation's result has `lines` for people, `sql` that leads from the migrations' schema to what there " +
      "is, `undo` that leads back, and the fingerprint of what there is.",
    params: databaseParams,
    replies: { 202: json("Queued", change, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project, database } }, portal) => {
    const view = await findView(portal, domain, project, database);
    mustRun(view);
    return queued(await enqueue(portal.sql, view, principal.user, { verb: "diff" }), "schema-diff");
  }),
];

function toMigrations(
  { wanted, instance }: DatabaseView,
  schema: DatabaseSchema | undefined,
): z.input<typeof migration>[] {
  const declared = wanted?.migrations ?? (wanted === null ? instance?.spec.migrations : undefined) ?? {};
  const applied = schema?.applied ?? {};
  const files = [...new Set([...Object.keys(declared), ...Object.keys(applied)])];
  return files
    .sort((a, b) => numberOf(a) - numberOf(b) || (a < b ? -1 : 1))
    .map((file) => {
      const [row, checksum] = [applied[file], declared[file]];
      const { failed = null, waits = null } = schema ?? {};
      const state = stateOf(file, checksum, schema);
      return {
        ...{ file, state, checksum: row?.checksum ?? checksum ?? null, appliedAt: row?.at ?? null },
        ...{ commit: row?.commit ?? null, operation: row?.operation ?? null, adopted: row?.adopted === true },
        message: state === "failed" ? (failed?.message ?? null) : state === "waiting" ? (waits?.why ?? null) : null,
        line: state === "failed" ? (failed?.line ?? null) : null,
      };
    });
}

function stateOf(file: string, declared: string | undefined, schema: DatabaseSchema | undefined): State {
  const row = schema?.applied[file];
  if (row !== undefined) {
    if (declared === row.checksum) return "applied";
    if (numberOf(file) === 0) return "direct";
    return declared === undefined ? "removed" : "changed";
  }
  if (schema?.failed?.file === file && schema.failed.checksum === declared) return "failed";
  const waits = schema?.waits ?? null;
  return waits !== null && numberOf(file) >= numberOf(waits.file) ? "waiting" : "pending";
}
