import { z } from "zod";
import { adviceFailed } from "../../platform/advise/index.ts";
import { newId } from "../../platform/core/index.ts";
import { databaseId } from "../../platform/spec/index.ts";
import { readSchemaFacts, renderTypes, schemaFactsSql } from "../../platform/typings/index.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { findView } from "./databases/view.ts";
import { requestProblems } from "./errors.ts";
import { json, route } from "./route.ts";
import { askGateway } from "./sql/gateway.ts";
import type { SqlAnswer } from "./sql/schemas.ts";

const schemaNames = z.string().regex(/^[^,"\\{}]{1,63}(,[^,"\\{}]{1,63}){0,19}$/);

export const typingRoutes = [
  route({
    method: "get",
    path: `${member}/types`,
    operationId: "databases.types",
    scope: "sql:read",
    target: inDatabase,
    summary: "TypeScript types of a database's schema, as postgrest-js and supabase-js take them",
    description: "Wakes the database and reads its catalog, never a row.",
    params: databaseParams,
    query: z.strictObject({
      schemas: schemaNames.optional().describe("Between commas. Default: those of its data API, else public."),
    }),
    replies: { 200: json("The types", z.strictObject({ typescript: z.string() })) },
  }).handle(async ({ principal, params: { domain, project, database }, query }, portal) => {
    const { instance } = await findView(portal, domain, project, database);
    const schemas = query.schemas?.split(",") ?? instance?.spec.api?.schemas ?? ["public"];
    const grant = {
      ...{ user: principal.user, database: databaseId(domain, project, database) },
      level: "read" as const,
    };
    const { problem, results } = await askGateway<SqlAnswer>(portal, grant, "run", {
      ...{
        request: newId("sql"),
        sql: schemaFactsSql,
        parameters: [`{${schemas.map((one) => `"${one}"`).join(",")}}`],
      },
      ...{ mode: "read", transaction: "auto", explain: "none", cursor: false, timeZone: null },
      ...{ maxRows: 10, maxBytes: 16_000_000, timeoutMs: 120_000 },
    });
    if (problem !== null) throw adviceFailed(`${grant.database}: ${problem.message}`);
    const facts = results[0]?.rows[0]?.[0];
    if (facts == null)
      throw requestProblems([{ path: "schemas", message: "have more in them than one answer holds; name fewer" }]);
    return { status: 200, body: { typescript: renderTypes(readSchemaFacts(facts), schemas) } };
  }),
];
