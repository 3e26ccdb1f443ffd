import { z } from "zod";
import {
  type Advice,
  type AdviceRow,
  adviceFailed,
  adviceParameters,
  adviceSql,
  toAdvice,
} from "../../platform/advise/index.ts";
import { newId } from "../../platform/core/index.ts";
import type { Principal } from "../../platform/identity/index.ts";
import { databaseId } from "../../platform/spec/index.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { findView } from "./databases/view.ts";
import type { Portal } from "./portal.ts";
import { json, route } from "./route.ts";
import { named } from "./schemas.ts";
import { askGateway } from "./sql/gateway.ts";
import type { SqlAnswer } from "./sql/schemas.ts";

const advice = named(
  "Advice",
  "Something that is amiss in a schema.",
  z.strictObject({
    id: z.string().describe("Of the lint; docs/advisors.md lists them."),
    level: z.enum(["error", "warn", "info"]),
    title: z.string(),
    object: z.string().describe("As SQL names it."),
    detail: z.string(),
    fix: z.string().describe("SQL that mends it, or a comment that says what it takes."),
    doc: z.string(),
  }),
);

const timeoutMs = 120_000;

export const adviceRoutes = [
  route({
    method: "get",
    path: `${member}/advice`,
    operationId: "databases.advice",
    scope: "sql:read",
    target: inDatabase,
    summary: "What is amiss in a database's schema",
    description: "Wakes the database and reads its catalog, never a row. The worst first, at most a hundred of a kind.",
    params: databaseParams,
    replies: { 200: json("What was found", z.strictObject({ items: z.array(advice) })) },
  }).handle(async ({ principal, params }, portal) => ({
    status: 200,
    body: { items: [...(await askAdvice(portal, principal, params))] },
  })),
];

type Place = { readonly domain: string; readonly project: string; readonly database: string };

/** What is amiss in a database's schema, by the gateway, which wakes it. */
export async function askAdvice(
  portal: Portal,
  { user }: Principal,
  { domain, project, database }: Place,
): Promise<readonly Advice[]> {
  const { instance } = await findView(portal, domain, project, database);
  const grant = { user, database: databaseId(domain, project, database), level: "read" as const };
  const { problem, results } = await askGateway<SqlAnswer>(portal, grant, "run", {
    ...{ request: newId("sql"), sql: adviceSql({ history: true }), parameters: adviceParameters(instance?.spec.api) },
    ...{ mode: "read", transaction: "auto", explain: "none", cursor: false, timeZone: null },
    ...{ maxRows: 10_000, maxBytes: 16_000_000, timeoutMs },
  });
  if (problem !== null) throw adviceFailed(`${grant.database}: ${problem.message}`);
  return toAdvice((results[0]?.rows ?? []).map(toRow));
}

const toRow = ([id, object, detail, fix]: readonly (string | null)[]): AdviceRow => ({
  ...{ id: id ?? "", object: object ?? "", fix: fix ?? "" },
  detail: detail ?? null,
});
