import { z } from "zod";
import { inspectRepository } from "../../platform/github/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  approveHistory,
  approveProtection,
  findRepository,
  getRepository,
  listRepositories,
  type RepositoryRow,
  removeRepository,
} from "../../platform/store/index.ts";
import { notFound, wrongState } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { register } from "./repositories/register.ts";
import { revealed, rotateHook } from "./repositories/rotate-hook.ts";
import {
  inspection,
  newRepository,
  repository,
  repositoryParams,
  repositoryToWire,
  setUp,
  usesApp,
} from "./repositories/schemas.ts";
import { json, nothing, route } from "./route.ts";
import { timestamp } from "./schemas.ts";
import { timeOrNull } from "./wire.ts";

/** Stalls that somebody may accept: a rewritten branch, rules that nobody reviewed, less protection. A push mends the others. */
const acceptable: Readonly<Record<string, (sql: Sql, id: string) => Promise<void>>> = {
  NEB380: approveHistory,
  NEB388: approveHistory,
  NEB389: approveProtection,
};

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
    path: "/api/v1/repositories",
    operationId: "repositories.add",
    scope: "fleet:write",
    target: "own",
    secret: true,
    summary: "Connect a repository of GitHub or a GitHub Enterprise Server",
    description:
      "As a GitHub App's installation, which is found by the App's key. Sets up the webhook and the branch protection where the " +
      "App may, and says what a person has to do where it may not. Sent again it renews the credential and mends what is missing. " +
      "Only hosts named in NEBULA_GIT_HOSTS are asked.",
    body: newRepository,
    replies: { 201: json("Connected", setUp) },
  }).handle(async ({ body }, portal) => {
    const { row, done, todo, hookSecret } = await register(portal, body);
    const wire = repositoryToWire(row);
    return {
      status: 201,
      body: { repository: wire, done: [...done], todo: [...todo], hookSecret: revealed(hookSecret) },
      trail: {
        resource: fullName(row),
        details: { apiUrl: wire.apiUrl, credential: wire.credential, appId: row.appId },
      },
    };
  }),

  route({
    method: "get",
    path: "/api/v1/repositories/{owner}/{repository}",
    operationId: "repositories.show",
    scope: "fleet:write",
    target: "own",
    summary: "One repository, and whether its Git host lets us work",
    params: repositoryParams,
    replies: { 200: json("The repository", repository) },
  }).handle(async ({ params }, { sql }) => ({ status: 200, body: repositoryToWire(await theRepository(sql, params)) })),

  route({
    method: "delete",
    path: "/api/v1/repositories/{owner}/{repository}",
    operationId: "repositories.remove",
    scope: "fleet:write",
    target: "own",
    summary: "Stop following a repository that declares nothing any more",
    description: "Its webhook is deleted where we may; nothing else at the Git host is touched.",
    params: repositoryParams,
    replies: { 204: nothing("Forgotten") },
  }).handle(async ({ params }, portal) => {
    const row = await theRepository(portal.sql, params);
    if (isOurs(row)) throw wrongState(`${fullName(row)} is this installation's own and is made again at each start`);
    if (!(await removeRepository(portal.sql, row.id)))
      throw wrongState(`projects of ${fullName(row)} are still followed`, {
        hint: "Retire and delete their databases first, as any change: by pull request.",
      });
    const { hookId } = row;
    const hook = hookId === null ? "none" : await deleted(portal, row, hookId);
    return { status: 204, body: undefined, trail: { resource: fullName(row), details: { hook } } };
  }),

  route({
    method: "post",
    path: "/api/v1/repositories/{owner}/{repository}/check",
    operationId: "repositories.check",
    scope: "fleet:write",
    target: "own",
    summary: "Look at everything that is needed of the Git host",
    description:
      "Reach, clock, App and installation, each permission, the branch's protection, the webhook with a ping of now, and the " +
      "rate limit. Changes nothing at the host.",
    params: repositoryParams,
    replies: { 200: json("What was found", inspection) },
  }).handle(async ({ params }, portal) => {
    const row = await theRepository(portal.sql, params);
    const findings = await inspectRepository({
      host: portal.git.appOf(row),
      auth: usesApp(row) ? "app" : "token",
      defaultBranch: row.defaultBranch,
      installationId: row.installationId,
      hook: row.hookUrl === null ? null : { id: row.hookId, url: row.hookUrl },
      pollSeconds: portal.git.settings.pollSeconds,
    });
    const verdict = (["fail", "warn"] as const).find((one) => findings.some(({ state }) => state === one)) ?? "ok";
    return {
      status: 200,
      body: { verdict, findings: [...findings] },
      trail: { resource: fullName(row), details: { verdict } },
    };
  }),

  route({
    method: "post",
    path: "/api/v1/repositories/{owner}/{repository}/rotate-hook",
    operationId: "repositories.rotateHook",
    scope: "fleet:write",
    target: "own",
    secret: true,
    summary: "Give the webhook a new secret, without a delivery lost",
    description:
      "Both secrets are good until an hour after the host has taken the new one. Also sets up a webhook that is gone or was " +
      "changed at the host.",
    params: repositoryParams,
    replies: {
      200: json(
        "Rotated",
        z.strictObject({
          ...setUp.shape,
          oldUntil: timestamp.nullable().describe("Until then the old one is good too."),
        }),
      ),
    },
  }).handle(async ({ params }, portal) => {
    const { row, done, todo, hookSecret, oldUntil } = await rotateHook(portal, await theRepository(portal.sql, params));
    return {
      status: 200,
      body: {
        ...{ repository: repositoryToWire(row), done: [...done], todo: [...todo] },
        ...{ hookSecret: revealed(hookSecret), oldUntil: timeOrNull(oldUntil) },
      },
      trail: { resource: fullName(row), details: { done: done.length > 0 } },
    };
  }),

  route({
    method: "post",
    path: "/api/v1/repositories/{owner}/{repository}/approve",
    operationId: "repositories.approve",
    scope: "fleet:write",
    target: "own",
    summary: "Accept what a repository was stopped for",
    description:
      "After a force-push nothing is deployed (NEB380), nor after a change of fleet/ or tenant.ts that nobody reviewed (NEB388). " +
      "This accepts the history up to the commit that was found then: what it declares is compared with what runs, and a " +
      "database that it lacks is still not deleted unless it was retired. After the branch's protection was removed or weakened " +
      "(NEB389) it accepts the protection that is there now.",
    params: repositoryParams,
    replies: { 200: json("Followed again", repository) },
  }).handle(async ({ params }, { sql }) => {
    const row = await theRepository(sql, params);
    const accept = acceptable[row.stalledCode ?? ""];
    if (accept === undefined)
      throw wrongState(
        row.stalledCode === null
          ? `${fullName(row)} is not stalled`
          : `${fullName(row)} is stalled by ${row.stalledCode}, which only a push mends: ${row.stalledReason ?? ""}`,
      );
    await accept(sql, row.id);
    const details = { stalled: row.stalledReason, seenCommit: row.seenCommit };
    return {
      status: 200,
      body: repositoryToWire((await getRepository(sql, row.id)) ?? row),
      trail: { resource: fullName(row), details },
    };
  }),
];

async function theRepository(sql: Portal["sql"], { owner, repository: name }: z.output<typeof repositoryParams>) {
  const row = await findRepository(sql, owner, name);
  if (row === undefined) throw notFound(`the repository ${owner}/${name} is not connected`);
  return row;
}

const fullName = ({ owner, name }: RepositoryRow): string => `${owner}/${name}`;

/** The embedded forge is the only host on this machine that is asked in plain text. */
const isOurs = ({ apiUrl }: RepositoryRow): boolean => apiUrl.startsWith("http://127.0.0.1:");

const deleted = (portal: Portal, row: RepositoryRow, hookId: number): Promise<string> =>
  portal.git
    .appOf(row)
    .deleteHook(hookId)
    .then(
      () => `deleted ${hookId}`,
      () => `left ${hookId}`,
    );
