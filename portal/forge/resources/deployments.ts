import { z } from "zod";
import type { Sql } from "../../../platform/sql/index.ts";
import { now } from "../context.ts";
import { type ForgeEvent, withEvents } from "../events/emit.ts";
import { pageAnswer, pageOf } from "../http/page.ts";
import { conflict, notFound, unprocessable } from "../http/refusal.ts";
import { idParam, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { personOf } from "../rules/commit-files.ts";
import { moveRef } from "../rules/move-ref.ts";
import {
  countDeployments,
  type Deployment,
  deactivateEarlier,
  findDeployment,
  insertDeployment,
  insertDeploymentStatus,
  listDeploymentStatuses,
  listDeployments,
} from "../store/deployments.ts";
import { deploymentStatusToWire, deploymentToWire, readDeploymentParts } from "../wire/deployment.ts";
import { resolveCommit } from "./contents.ts";

const newDeployment = z.object({
  ref: z.string().min(1),
  task: z.string().min(1).max(128).default("deploy"),
  auto_merge: z.boolean().default(true),
  required_contexts: z.array(z.string()).nullish(),
  payload: z.union([z.record(z.string(), z.unknown()), z.string()]).default({}),
  environment: z.string().min(1).max(255).default("production"),
  description: z.string().max(140).nullish(),
  transient_environment: z.boolean().default(false),
  production_environment: z.boolean().optional(),
});

const address = z.union([z.url({ protocol: /^https?$/ }), z.literal("")]).optional();
const newStatus = z.object({
  state: z.enum(["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]),
  target_url: address,
  log_url: address,
  description: z.string().max(140).default(""),
  environment: z.string().min(1).max(255).optional(),
  environment_url: address,
  auto_inactive: z.boolean().default(true),
});

export const deploymentRoutes = [
  repositoryRoute("POST", "/deployments", ["deployments:write"], create),
  repositoryRoute("GET", "/deployments", ["deployments:read"], async (call) => {
    const { context, repository, query } = call;
    const page = pageOf(call);
    const given = (name: string) => (query.get(name) === "none" ? null : query.get(name) || null);
    const filter = { sha: given("sha"), ref: given("ref"), task: given("task"), environment: given("environment") };
    const [rows, total] = await Promise.all([
      listDeployments(context.sql, repository.id, filter, page.size, page.offset),
      countDeployments(context.sql, repository.id, filter),
    ]);
    return pageAnswer(await Promise.all(rows.map((deployment) => toWire(call, deployment))), page, total);
  }),
  repositoryRoute("GET", "/deployments/:id", ["deployments:read"], async (call) => ({
    body: await toWire(call, await theDeployment(call)),
  })),
  repositoryRoute("POST", "/deployments/:id/statuses", ["deployments:write"], createStatus),
  repositoryRoute("GET", "/deployments/:id/statuses", ["deployments:read"], async (call) => {
    const deployment = await theDeployment(call);
    const page = pageOf(call);
    const rows = await listDeploymentStatuses(call.context.sql, deployment.id);
    const parts = await readDeploymentParts(call.context.sql, rows);
    const shown = rows.slice(page.offset, page.offset + page.size);
    return pageAnswer(
      shown.map((status) => deploymentStatusToWire(call, deployment, status, parts)),
      page,
      rows.length,
    );
  }),
];

async function theDeployment(call: RepositoryCall): Promise<Deployment> {
  const found = await findDeployment(call.context.sql, call.repository.id, idParam(call, "id"));
  if (found === undefined) throw notFound();
  return found;
}

const toWire = async (call: RepositoryCall, deployment: Deployment, sql: Sql = call.context.sql) =>
  deploymentToWire(call, deployment, await readDeploymentParts(sql, [deployment]));

async function create(call: RepositoryCall) {
  const { context, repository, caller } = call;
  const body = parseBody(call, "Deployment", newDeployment);
  const sha = await resolveCommit(call, body.ref);
  if (sha === undefined) throw unprocessable(`No ref found for: ${body.ref}`);
  await demandContexts(call, body.ref, sha, body.required_contexts ?? null);
  if (body.auto_merge && (await mergedDefault(call, body.ref)))
    return {
      status: 202,
      body: { message: `Auto-merged ${repository.defaultBranch} into ${body.ref} on deployment.` },
    };
  const sender = caller.account();
  const deployment = await withEvents(context, async (sql, emit) => {
    const saved = await insertDeployment(sql, {
      ...{ repository: repository.id, sha, ref: body.ref, task: body.task, payload: body.payload },
      ...{
        environment: body.environment,
        description: body.description ?? null,
        creatorId: sender.id,
        appId: caller.appId(),
      },
      ...{
        transient: body.transient_environment,
        production: body.production_environment ?? body.environment === "production",
      },
      createdAt: now(context),
    });
    const build = async (tx: Sql) => ({
      deployment: await toWire(call, saved, tx),
      workflow: null,
      workflow_run: null,
    });
    await emit({ name: "deployment", action: "created", repository, sender, build });
    return saved;
  });
  const wire = await toWire(call, deployment);
  return { status: 201, body: wire, headers: { Location: wire.url } };
}

/** Statuses that must have succeeded before: the named contexts, by default every context that the commit has. */
async function demandContexts(
  call: RepositoryCall,
  ref: string,
  sha: string,
  contexts: readonly string[] | null,
): Promise<void> {
  const rows = await call.context.sql.query<{ context: string; state: string }>(
    "select distinct on (context) context, state from statuses where repository = $1 and sha = $2 order by context, id desc",
    [call.repository.id, sha],
  );
  const states = new Map(rows.map((row) => [row.context, row.state]));
  const unmet = (contexts ?? [...states.keys()]).filter((context) => states.get(context) !== "success");
  if (unmet.length > 0) throw conflict(`Conflict: Commit status checks failed for ${ref}.`);
}

/** Brings a branch that is behind the default one up to date; true when that was needed. */
async function mergedDefault(call: RepositoryCall, ref: string): Promise<boolean> {
  const { git, repository, context, caller } = call;
  const [head, base] = await Promise.all([
    git.revParse(`refs/heads/${ref}`),
    git.revParse(`refs/heads/${repository.defaultBranch}`),
  ]);
  if (head === undefined || base === undefined || (await git.isAncestor(base, head))) return false;
  const merged = await git.mergeTree(head, base);
  if (merged.kind === "conflict") throw conflict(`Conflict merging ${repository.defaultBranch} into ${ref}.`);
  const message = `Merge branch '${repository.defaultBranch}' into ${ref}`;
  const author = personOf(caller.account(), now(context));
  const commit = await git.commitTree({ tree: merged.tree, parents: [head, base], message, author });
  await moveRef(call, `refs/heads/${ref}`, { from: head, to: commit });
  return true;
}

async function createStatus(call: RepositoryCall) {
  const { context, repository, caller } = call;
  const deployment = await theDeployment(call);
  const body = parseBody(call, "DeploymentStatus", newStatus);
  const sender = caller.account();
  const wire = await withEvents(context, async (sql, emit) => {
    const status = await insertDeploymentStatus(sql, {
      ...{ deployment: deployment.id, state: body.state, description: body.description },
      ...{ environment: body.environment ?? deployment.environment, environmentUrl: body.environment_url ?? "" },
      ...{
        logUrl: body.log_url || body.target_url || "",
        creatorId: sender.id,
        appId: caller.appId(),
        createdAt: now(context),
      },
    });
    if (body.state === "success" && body.auto_inactive) await deactivateEarlier(sql, deployment, status);
    const parts = await readDeploymentParts(sql, [status, deployment]);
    const saved = deploymentStatusToWire(call, deployment, status, parts);
    const event: ForgeEvent = {
      ...{ name: "deployment_status", action: "created", repository, sender },
      build: () => ({
        deployment_status: saved,
        deployment: deploymentToWire(call, deployment, parts),
        ...{ check_run: null, workflow: null, workflow_run: null },
      }),
    };
    await emit(event);
    return saved;
  });
  return { status: 201, body: wire, headers: { Location: wire.url } };
}
