import { z } from "zod";
import { Secret } from "../../platform/core/index.ts";
import { credentialContext, enqueueOperation } from "../../platform/store/index.ts";
import { inDatabase, member } from "./databases/read.ts";
import { databaseParams } from "./databases/schemas.ts";
import { findView } from "./databases/view.ts";
import { requestProblems, wrongState } from "./errors.ts";
import { json, route } from "./route.ts";
import { change } from "./schemas.ts";
import { operationToWire } from "./wire.ts";

/** Long enough for what is imported in one go; the project's other operations wait meanwhile. */
const deadlineSeconds = 6 * 3600;

export const importRoutes = [
  route({
    method: "post",
    path: `${member}/import`,
    operationId: "databases.import",
    scope: "databases:run",
    target: inDatabase,
    atomic: true,
    secret: true,
    summary: "Copy a running Postgres into a database that has no tables yet",
    description:
      "Reads the source with `pg_dump` in the custom format and restores it as the owner, in one transaction: everything, or " +
      "nothing. Then the rows of every table are counted on both sides. Extensions that the source uses must be declared first. " +
      "A dump in plain SQL is refused: it is a program. Hosts inside the platform's network are refused unless the operator " +
      "allows them (NEBULA_PRIVATE_HOSTS).",
    params: databaseParams,
    body: z.strictObject({
      url: z.string().max(4_096).describe("postgres://user:password@host:5432/database?sslmode=verify-full"),
    }),
    replies: { 202: json("Queued", change, { Location: "The operation to follow." }) },
  }).handle(async ({ principal, params: { domain, project, database }, body }, portal) => {
    const { instance, project: row } = await findView(portal, domain, project, database);
    const name = `${domain}/${project}/${database}`;
    if (instance?.phase !== "Ready") throw wrongState(`${name} is ${instance?.phase ?? "not made yet"}, not Ready`);
    if (!/^postgres(ql)?:\/\/[^\s]+$/.test(body.url))
      throw requestProblems([
        { path: "url", message: "is no address of a running Postgres; files and SQL are not imported" },
      ]);
    const sealedUrl = portal.vault.seal(new Secret(body.url), credentialContext(instance.id, "import"));
    const operation = await enqueueOperation(portal.sql, {
      ...{ stack: row.stack, type: "IMPORT", database, requestedBy: principal.user },
      params: { sealedUrl },
      // What came half-way is rolled back, and trying again is for whoever asked: the source may have changed.
      ...{ deadlineSeconds, maxAttempts: 1 },
    });
    return {
      status: 202,
      body: { step: "import", pull: null, operation: operationToWire(operation) },
      headers: { location: `/api/v1/operations/${operation.id}` },
      trail: { operation: operation.id, details: { host: hostOf(body.url) } },
    };
  }),
];

/** For the audit: where the data came from, without the password. */
const hostOf = (url: string): string => URL.parse(url)?.host ?? "";
