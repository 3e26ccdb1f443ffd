import { z } from "zod";
import {
  approveHistory,
  findRepository,
  getRepository,
  listRepositories,
  type RepositoryRow,
} from "../../platform/store/index.ts";
import { notFound, wrongState } from "./errors.ts";
import { json, route } from "./route.ts";
import { named, timestamp } from "./schemas.ts";
import { timeOrNull } from "./wire.ts";

const repository = named(
  "Repository",
  "A Git repository of declarations that this installation follows.",
  z.strictObject({
    owner: z.string(),
    name: z.string(),
    defaultBranch: z.string(),
    seenCommit: z.string().nullable().describe("Newest commit whose changes are queued."),
    seenAt: timestamp.nullable(),
    stalled: z
      .strictObject({ code: z.string(), reason: z.string() })
      .nullable()
      .describe("Why nothing is deployed from it any more; what runs goes on running."),
  }),
);

/** NEB380: the one stall that somebody may accept. The others are mended by a push. */
const rewritten = "NEB380";

export const repositoryRoutes = [
  route({
    method: "get",
    path: "/api/v1/repositories",
    operationId: "repositories.list",
    scope: "fleet:write",
    target: "own",
    summary: "The repositories that declare, and whether they are followed",
    replies: { 200: json("All of them", z.strictObject({ items: z.array(repository) })) },
  }).handle(async (_call, { sql }) => ({
    status: 200,
    body: { items: (await listRepositories(sql)).map(repositoryToWire) },
  })),

  route({
    method: "post",
    path: "/api/v1/repositories/{owner}/{repository}/approve",
    operationId: "repositories.approve",
    scope: "fleet:write",
    target: "own",
    summary: "Accept a rewritten default branch",
    description:
      "After a force-push nothing is deployed (NEB380). This accepts the history that is there now: what it declares is " +
      "compared with what runs, and a database that it lacks is still not deleted unless it was retired.",
    params: z.strictObject({ owner: z.string().max(100), repository: z.string().max(100) }),
    replies: { 200: json("Followed again", repository) },
  }).handle(async ({ params: { owner, repository: name } }, { sql }) => {
    const row = await findRepository(sql, owner, name);
    if (row === undefined) throw notFound(`the repository ${owner}/${name} is not connected`);
    if (row.stalledCode !== rewritten)
      throw wrongState(
        row.stalledCode === null
          ? `${owner}/${name} is not stalled`
          : `${owner}/${name} is stalled by ${row.stalledCode}, which only a push mends: ${row.stalledReason ?? ""}`,
      );
    await approveHistory(sql, row.id);
    const details = { stalled: row.stalledReason, seenCommit: row.seenCommit };
    return {
      status: 200,
      body: repositoryToWire((await getRepository(sql, row.id)) ?? row),
      trail: { resource: `${owner}/${name}`, details },
    };
  }),
];

const repositoryToWire = (row: RepositoryRow) => ({
  owner: row.owner,
  name: row.name,
  defaultBranch: row.defaultBranch,
  seenCommit: row.seenCommit,
  seenAt: timeOrNull(row.seenAt),
  stalled: row.stalledCode === null ? null : { code: row.stalledCode, reason: row.stalledReason ?? "" },
});
