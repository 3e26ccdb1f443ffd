import type { Response } from "express";
import { z } from "zod";
import { toTimestamp } from "../../platform/core/index.ts";
import type { AuditLog } from "../../platform/store/index.ts";
import { fromCursor, pageOf, pageQuery, toCursor } from "./page.ts";
import { narrowTo } from "./reach.ts";
import { json, route, text } from "./route.ts";
import { anyJson, name, named, timestamp } from "./schemas.ts";

export const auditLog = named(
  "AuditLog",
  "Who did what to what, and whether it was accepted.",
  z.strictObject({
    id: z.int().describe("Its number in the chain: without gaps."),
    at: timestamp,
    actor: z.string().describe("Who: `(erased)` once the person was."),
    actorId: z.string().nullable().describe("Public id of the key or session."),
    subject: z.string().describe("The actor's pseudonym in the chain; stays when the actor is erased."),
    action: z.string().describe("operationId of the route."),
    resource: z.string(),
    domain: z.string().nullable(),
    project: z.string().nullable(),
    address: z.string().nullable(),
    userAgent: z.string().nullable(),
    details: anyJson,
    result: z.enum(["accepted", "refused", "failed"]),
    operation: z.string().nullable(),
    commit: z.string().nullable(),
  }),
);

const verdict = named(
  "AuditVerdict",
  "Whether the audit is what it was: every hash, every signature, every number.",
  z.strictObject({
    ok: z.boolean(),
    lines: z.int().describe("Lines that were checked."),
    firstSeq: z.int().nullable().describe("Older lines are past their retention; null: there is none."),
    head: z.strictObject({ seq: z.int(), hash: z.string() }).describe("Where the chain ends. Keep it somewhere else."),
    publicKey: z.string().describe("Ed25519, base64: what the head, anchors and segments are signed with."),
    problems: z.array(z.string()),
  }),
);

const exact = z.string().max(200).optional();
const hash = /^(\d{1,15}):([0-9a-f]{64})$/;

export const auditRoutes = [
  route({
    method: "get",
    path: "/api/v1/audit-logs",
    operationId: "audit.list",
    scope: "audit:read",
    target: "own",
    summary: "The audit, newest first",
    description:
      "Every filter must hold. `address`, `userAgent` and `actorId` are read from encrypted fields: such a page may be short and still have a `nextCursor`.",
    query: z.strictObject({
      ...pageQuery,
      domain: name.optional(),
      project: name.optional(),
      actor: exact,
      subject: exact,
      actorId: exact,
      action: exact,
      resource: exact,
      result: z.enum(["accepted", "refused", "failed"]).optional(),
      operation: exact,
      commit: exact,
      address: exact,
      userAgent: exact.describe("Any part of it."),
      detail: z
        .string()
        .max(300)
        .regex(/^[\w.-]+=/, "must be name=value")
        .optional()
        .describe("A member of the details: `name=value`."),
      from: timestamp.optional(),
      to: timestamp.optional(),
    }),
    replies: { 200: json("A page of the audit", pageOf(auditLog)) },
  }).handle(async ({ principal, query }, { audit }) => {
    const { limit, cursor, domain, project, detail, from, to, ...exactly } = query;
    const { rows, nextBefore } = await audit.list({
      ...exactly,
      within: narrowTo(principal, "audit:read", { domain, project }),
      details: detail === undefined ? null : toDetail(detail),
      from: from === undefined ? null : new Date(from),
      to: to === undefined ? null : new Date(to),
      beforeId: fromCursor("audit", cursor, z.int()),
      limit,
    });
    const nextCursor = nextBefore === null ? null : toCursor("audit", nextBefore);
    return { status: 200, body: { items: rows.map(auditToWire), nextCursor } };
  }),

  route({
    method: "get",
    path: "/api/v1/audit-logs/verify",
    operationId: "audit.verify",
    scope: "audit:export",
    target: "own",
    summary: "Verify the whole audit",
    query: z.strictObject({
      anchor: z
        .string()
        .regex(hash, "must be number:hash")
        .optional()
        .describe("What the log or a backup says of a line: `number:hash`."),
    }),
    replies: { 200: json("What was found", verdict) },
  }).handle(async ({ query: { anchor } }, { audit }) => {
    const [, seq, known] = hash.exec(anchor ?? "") ?? [];
    const found = await audit.verify(known === undefined ? [] : [{ seq: Number(seq), hash: known }]);
    return { status: 200, body: { ...found, problems: [...found.problems] } };
  }),

  route({
    method: "get",
    path: "/api/v1/audit-logs/export",
    operationId: "audit.export",
    scope: "audit:export",
    target: "own",
    audited: true,
    summary: "The whole audit as JSON lines, with its chain",
    description: "Anybody can verify it offline: `nebula audit verify --file`.",
    replies: { 200: text("A header, the lines, the signed head", "application/x-ndjson") },
  }).handle(async (_call, { audit }) => ({
    status: 200,
    write: (response: Response) => writeLines(response, audit.export()),
  })),
];

async function writeLines(response: Response, lines: AsyncIterable<object>): Promise<void> {
  response.type("application/x-ndjson");
  for await (const line of lines) {
    if (response.destroyed) return;
    if (!response.write(`${JSON.stringify(line)}\n`))
      await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
  }
  response.end();
}

/** `name=value`; a value that reads as JSON is compared as that. */
function toDetail(text: string): Record<string, unknown> {
  const at = text.indexOf("=");
  const value = text.slice(at + 1);
  try {
    return { [text.slice(0, at)]: JSON.parse(value) as unknown };
  } catch {
    return { [text.slice(0, at)]: value };
  }
}

export const auditToWire = ({ tenant, at, ...row }: AuditLog) => ({
  ...row,
  domain: tenant,
  at: toTimestamp(at.getTime()),
});
