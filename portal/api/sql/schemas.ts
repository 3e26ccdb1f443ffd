import { z } from "zod";
import { databaseParams } from "../databases/schemas.ts";
import { named, name as slug, timestamp } from "../schemas.ts";

export const modes = z.enum(["read", "write"]);

const parameter = z.union([z.string(), z.boolean(), z.null(), z.number()]);

/** What a request for SQL may say. */
export const runBody = named(
  "SqlRequest",
  "Statements, and how they are to be run.",
  z.strictObject({
    sql: z.string().min(1).max(200_000).describe("One statement, or several between semicolons."),
    parameters: z
      .array(parameter)
      .max(1000)
      .default([])
      .describe("For $1, $2, ... of every statement. Large integers and decimals as text: a JSON number rounds them."),
    mode: modes.default("read").describe("`read`: a read-only transaction of a role that only reads."),
    transaction: z
      .enum(["auto", "all", "each"])
      .default("auto")
      .describe("`all`: everything or nothing. `each`: every statement for itself. `auto`: docs/sql.md."),
    explain: z
      .enum(["none", "plan", "analyze"])
      .default("none")
      .describe("`analyze` runs it, and undoes what it wrote."),
    maxRows: z.int().min(1).max(10_000).default(1000).describe("Rows of a statement; with `cursor`, of a page."),
    maxBytes: z.int().min(1).max(16_000_000).default(4_000_000).describe("Of all rows of the answer."),
    timeoutMs: z.int().min(1).max(240_000).default(30_000),
    cursor: z.boolean().default(false).describe("Keep what is beyond `maxRows` for the next page."),
    timeZone: z.string().max(100).nullable().default(null).describe("In which moments are shown. Default: UTC."),
    request: z
      .string()
      .regex(/^[\w-]{8,64}$/)
      .optional()
      .describe("A name of your choosing, to cancel it by."),
    remember: z.boolean().default(true).describe("false: it does not stand in your history."),
  }),
);
export type RunBody = z.output<typeof runBody>;

const column = z.strictObject({ name: z.string(), type: z.string(), oid: z.int() });
const rows = z
  .array(z.array(z.string().nullable()))
  .describe("The server's own text of each value: nothing is rounded.");

const result = z.strictObject({
  statement: z.int().describe("Counts from 0."),
  kind: z.string(),
  command: z.string(),
  rowCount: z.int().nullable(),
  columns: z.array(column),
  rows,
  truncated: z.boolean(),
  plan: z.unknown().describe("Of explain: Postgres's own JSON."),
  durationMs: z.number(),
});

const text = z.string().nullable();
const place = z.int().nullable();
const problem = z.strictObject({
  ...{ statement: z.int(), sqlstate: z.string(), severity: z.string(), message: z.string(), detail: text, hint: text },
  ...{ line: place, column: place, offset: place.describe("In UTF-16 units of the text that was sent.") },
  ...{
    where: text,
    internalQuery: text,
    schema: text,
    table: text,
    columnName: text,
    dataType: text,
    constraint: text,
  },
});

const notice = z.strictObject({
  severity: z.string(),
  code: z.string(),
  message: z.string(),
  detail: text,
  hint: text,
});
const statuses = z.enum(["done", "failed", "cancelled", "timed-out"]);

export const answer = named(
  "SqlAnswer",
  "What became of the statements. A statement that failed is part of the answer, not a fault of the request.",
  z.strictObject({
    request: z.string(),
    status: statuses,
    transaction: z.enum(["committed", "rolled-back", "read-only", "each", "open"]),
    results: z.array(result),
    problem: problem.nullable(),
    notices: z.array(notice),
    noticesLost: z.int(),
    cursor: z.string().nullable(),
    statements: z.int(),
    durationMs: z.number(),
    wokeMs: z.number().nullable().describe("How long its database took to wake; null: it was awake."),
  }),
);
export type SqlAnswer = z.output<typeof answer>;

export const page = named(
  "SqlPage",
  "The next rows of a cursor.",
  z.strictObject({ status: statuses, cursor: z.string().nullable(), columns: z.array(column), rows }),
);

export const ran = named(
  "SqlRan",
  "What you ran.",
  z.strictObject({
    ...{ id: z.int(), at: timestamp, mode: modes, status: z.string(), code: text, sql: z.string() },
    ...{ statements: z.int(), rows: z.int().nullable(), durationMs: z.int() },
  }),
);

export const query = named(
  "SqlQuery",
  "A query that is kept.",
  z.strictObject({
    ...{ id: z.string(), name: z.string(), sql: z.string(), database: text, shared: z.boolean() },
    ...{ owner: z.string(), own: z.boolean(), createdAt: timestamp, updatedAt: timestamp },
  }),
);

const queryName = z.string().trim().min(1).max(100);
const querySql = z.string().min(1).max(100_000);
export const newQuery = z.strictObject({
  ...{ name: queryName, sql: querySql },
  database: slug.nullable().default(null).describe("null: for any database of the project."),
  shared: z.boolean().default(false).describe("With everybody who may run SQL in the project."),
});
export const queryChange = z.strictObject({
  ...{ name: queryName.optional(), sql: querySql.optional(), shared: z.boolean().optional() },
});
export { databaseParams };
