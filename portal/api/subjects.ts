import { z } from "zod";
import { accountOf, declaringTenants, erasePersonal, readPersonal } from "../../platform/store/index.ts";
import { auditLog, auditToWire } from "./audit-logs.ts";
import { notFound } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { anyJson, named } from "./schemas.ts";

const person = z.strictObject({
  user: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .describe("E-mail or user name, as it stands in accounts, keys and the audit."),
});

const held = named(
  "SubjectExport",
  "Everything that the ledger holds about a person (GDPR articles 15 and 20).",
  z.strictObject({
    user: z.string(),
    subject: z.string().nullable().describe("Their pseudonym in the audit; null: they never acted."),
    records: z.array(z.strictObject({ table: z.string(), column: z.string(), rows: z.array(anyJson) })),
    audit: z.array(auditLog),
    declaredIn: z.array(z.string()).describe("Tenants whose tenant.ts names them: in Git, for a commit to change."),
  }),
);

const erasure = named(
  "SubjectErasure",
  "What an erasure took away, and what is left for others to do.",
  z.strictObject({
    subject: z.string().nullable().describe("The pseudonym that stays in the audit."),
    rows: z.record(z.string(), z.int()).describe("Rows deleted or made anonymous, by table."),
    declaredIn: z.array(z.string()).describe("Tenants whose tenant.ts still names them."),
  }),
);

// The person is named in the body: a path is written into logs and into the audit.
export const subjectRoutes = [
  route({
    method: "post",
    path: "/api/v1/subjects/export",
    operationId: "subjects.export",
    scope: "subjects:manage",
    target: "own",
    secret: true,
    summary: "Everything held about a person",
    body: person,
    replies: { 200: json("It all", held) },
  }).handle(async ({ body: { user } }, portal) => {
    const found = await exportOf(portal, user);
    return { status: 200, body: found, trail: { details: { subject: found.subject } } };
  }),

  route({
    method: "post",
    path: "/api/v1/subjects/erase",
    operationId: "subjects.erase",
    scope: "subjects:manage",
    target: "own",
    secret: true,
    summary: "Erase a person",
    description:
      "Their account, sessions and keys are deleted, their name is taken out of what stays, and the key to what the audit knows of them is destroyed: the chain stays whole. It cannot be undone.",
    body: person,
    replies: { 200: json("Erased", erasure) },
  }).handle(async ({ body: { user } }, { sql, audit, callers }) => {
    const subject = (await audit.subjectOf(user)) ?? null;
    const account = await accountOf(sql, user);
    const [rows, declaredIn] = [await erasePersonal(sql, user, subject ?? "nobody"), await declaringTenants(sql, user)];
    for (const name of [user, account ?? user]) await audit.eraseSubject(name);
    callers.forget();
    if (subject === null && Object.keys(rows).length === 0 && declaredIn.length === 0)
      throw notFound("nothing is held about anybody by that name");
    return {
      status: 200,
      body: { subject, rows, declaredIn: [...declaredIn] },
      trail: { details: { subject, rows } },
    };
  }),
];

async function exportOf({ sql, audit }: Portal, user: string) {
  const subject = (await audit.subjectOf(user)) ?? null;
  const account = await accountOf(sql, user);
  const lines: ReturnType<typeof auditToWire>[] = [];
  // A session that ended by itself is written down under the account's id.
  for (const actor of account === undefined ? [user] : [user, account])
    for (let before: number | null | undefined; before !== null; ) {
      const page = await audit.list({ within: "everything", actor, limit: 500, beforeId: before });
      lines.push(...page.rows.map(auditToWire));
      before = page.nextBefore;
    }
  const records = (await readPersonal(sql, user)).map((one) => ({ ...one, rows: [...one.rows] }));
  return { user, subject, records, audit: lines, declaredIn: [...(await declaringTenants(sql, user))] };
}
