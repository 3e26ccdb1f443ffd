import { z } from "zod";
import { namePattern } from "../../platform/spec/index.ts";
import { operationStates, operationTypes } from "../../platform/store/index.ts";

/**
 * What the API says, as schemas. Those with a name in `components` appear under it in the OpenAPI document; a schema that
 * refuses unknown fields is `strictObject`.
 */
export const components = z.registry<{ id: string; description: string }>();

export const named = <S extends z.ZodType>(id: string, description: string, schema: S): S => {
  components.add(schema, { id, description });
  return schema;
};

export const name = z
  .string()
  .regex(namePattern, "must be a name: 1 to 40 of a-z, 0-9 and -, beginning with a letter, not ending with -");
export const timestamp = z.iso.datetime().describe("RFC 3339 UTC.");
export const sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "must be a commit's full hash");

export const money = named(
  "Money",
  "An exact decimal amount with its currency.",
  z.strictObject({
    amount: z.string().regex(/^-?\d+\.\d{2,6}$/),
    currency: z.string().length(3),
  }),
);

export const fieldProblem = named(
  "FieldProblem",
  "One thing wrong, and where.",
  z.strictObject({
    path: z.string(),
    message: z.string(),
    code: z.string().optional(),
    hint: z.string().optional(),
  }),
);

export const problem = named(
  "Problem",
  "RFC 9457 problem document; further members depend on the code.",
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().regex(/^NEB\d{3}$/),
    hint: z.string(),
    instance: z.string().optional().describe("Request id; quote it when you report a problem."),
    errors: z.array(fieldProblem).optional(),
  }),
);

/** Anything JSON: plans, operation results; their own rooms define them. */
export const anyJson = z.record(z.string(), z.unknown());

export const operation = named(
  "Operation",
  "A piece of work on a project. It ends as COMPLETED, FAILED or CANCELLED.",
  z.strictObject({
    id: z.string(),
    type: z.enum(operationTypes),
    state: z.enum(operationStates),
    domain: z.string(),
    project: z.string(),
    database: z.string().nullable(),
    commit: z.string().nullable(),
    pull: z.int().nullable().describe("Number of the pull request it belongs to."),
    requestedBy: z.string(),
    attempt: z.int(),
    maxAttempts: z.int(),
    priority: z.int(),
    progress: anyJson,
    outcome: z.string().nullable().describe("applied, unchanged, retry, blocked or stalled."),
    error: anyJson.nullable().describe("Problem document of a failure."),
    result: anyJson.nullable(),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    trace: z.string().nullable().describe("Id of the trace that it belongs to; null: nothing was traced."),
  }),
);

export const change = named(
  "Change",
  "What a write answers: the pull request that asks for it and the operation to follow.",
  z.strictObject({
    step: z.enum([
      "create",
      "change",
      "retire",
      "delete",
      "pause",
      "resume",
      "restart",
      "rotate",
      "backup",
      "restore",
      "migrate",
      "schema-diff",
      "reset",
      "import",
    ]),
    pull: z
      .strictObject({
        number: z.int(),
        url: z.string(),
        branch: z.string(),
        headCommit: z.string(),
        title: z.string(),
        autoMerge: z.boolean(),
      })
      .nullable()
      .describe("null for what needs no commit and acts at once."),
    operation,
  }),
);
