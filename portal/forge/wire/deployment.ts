import type { Sql } from "../../../platform/sql/index.ts";
import type { RepositoryCall } from "../http/route.ts";
import { type Account, readAccounts } from "../store/accounts.ts";
import { type App, readApps } from "../store/apps.ts";
import type { Deployment, DeploymentStatus } from "../store/deployments.ts";
import { appToWire, simpleUserOrNull } from "./account.ts";
import { nodeId, timestamp } from "./values.ts";

type Parts = { readonly accounts: ReadonlyMap<number, Account>; readonly apps: ReadonlyMap<number, App> };
type Authored = { readonly creatorId: number; readonly appId: number | null; readonly createdAt: Date };

export async function readDeploymentParts(sql: Sql, rows: readonly Authored[]): Promise<Parts> {
  const apps = await readApps(
    sql,
    rows.map(({ appId }) => appId),
  );
  const ids = [...rows.map(({ creatorId }) => creatorId), ...[...apps.values()].map(({ ownerId }) => ownerId)];
  return { apps, accounts: await readAccounts(sql, ids) };
}

function authorship({ context: { urls } }: RepositoryCall, row: Authored, { accounts, apps }: Parts) {
  const app = row.appId === null ? undefined : apps.get(row.appId);
  const owner = app === undefined ? undefined : accounts.get(app.ownerId);
  return {
    creator: simpleUserOrNull(urls, accounts.get(row.creatorId)),
    created_at: timestamp(row.createdAt),
    performed_via_github_app: app === undefined || owner === undefined ? null : appToWire(urls, app, owner),
  };
}

export function deploymentToWire(call: RepositoryCall, deployment: Deployment, parts: Parts) {
  const { context, repository } = call;
  const url = context.urls.repo(repository, `/deployments/${deployment.id}`);
  return {
    url,
    id: deployment.id,
    node_id: nodeId("Deployment", deployment.id),
    sha: deployment.sha,
    ref: deployment.ref,
    task: deployment.task,
    payload: deployment.payload,
    original_environment: deployment.environment,
    environment: deployment.environment,
    description: deployment.description,
    ...authorship(call, deployment, parts),
    updated_at: timestamp(deployment.updatedAt),
    statuses_url: `${url}/statuses`,
    repository_url: context.urls.repo(repository),
    transient_environment: deployment.transient,
    production_environment: deployment.production,
  };
}

export function deploymentStatusToWire(
  call: RepositoryCall,
  deployment: Deployment,
  status: DeploymentStatus,
  parts: Parts,
) {
  const { context, repository } = call;
  const deploymentUrl = context.urls.repo(repository, `/deployments/${deployment.id}`);
  return {
    url: `${deploymentUrl}/statuses/${status.id}`,
    id: status.id,
    node_id: nodeId("DeploymentStatus", status.id),
    state: status.state,
    ...authorship(call, status, parts),
    description: status.description,
    environment: status.environment,
    ...(status.environmentUrl === "" ? {} : { environment_url: status.environmentUrl }),
    ...(status.logUrl === "" ? {} : { log_url: status.logUrl }),
    target_url: status.logUrl,
    updated_at: timestamp(status.createdAt),
    deployment_url: deploymentUrl,
    repository_url: context.urls.repo(repository),
  };
}
