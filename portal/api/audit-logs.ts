import { z } from "zod";
import { toTimestamp } from "../../platform/core/index.ts";
import { type AuditLog, listAudit } from "../../platform/store/index.ts";
import { fromCursor, pageOf, pageQuery, toPage } from "./page.ts";
import { narrowTo } from "./reach.ts";
import { json, route } from "./route.ts";
import { anyJson, name, named, timestamp } from "./schemas.ts";

const auditLog = named(
  "AuditLog",
  "Who did what to what, and whether it was accepted.",
  z.strictObject({
    id: z.int(),
    at: timestamp,
    actor: z.string(),
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

export const auditRoutes = [
  route({
    method: "get",
    path: "/api/v1/audit-logs",
    operationId: "audit.list",
    scope: "audit:read",
    target: "own",
    summary: "The audit, newest first",
    query: z.strictObject({
      ...pageQuery,
      domain: name.optional(),
      project: name.optional(),
      actor: z.string().max(100).optional(),
      action: z.string().max(100).optional(),
    }),
    replies: { 200: json("A page of the audit", pageOf(auditLog)) },
  }).handle(async ({ principal, query }, { sql }) => {
    const rows = await listAudit(sql, {
      within: narrowTo(principal, "audit:read", query),
      actor: query.actor ?? null,
      action: query.action ?? null,
      beforeId: fromCursor("audit", query.cursor, z.int()),
      limit: query.limit + 1,
    });
    return { status: 200, body: toPage("audit", rows, query.limit, (row) => row.id, toWire) };
  }),
];

const toWire = ({ tenant, at, ...row }: AuditLog) => ({ ...row, domain: tenant, at: toTimestamp(at.getTime()) });
