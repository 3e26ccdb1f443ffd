import type { Sql } from "../../../platform/sql/index.ts";

export type Deployment = {
  readonly id: number;
  readonly repository: number;
  readonly sha: string;
  readonly ref: string;
  readonly task: string;
  readonly payload: unknown;
  readonly environment: string;
  readonly description: string | null;
  readonly transient: boolean;
  readonly production: boolean;
  readonly creatorId: number;
  readonly appId: number | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

export type DeploymentStatus = {
  readonly id: number;
  readonly deployment: number;
  readonly state: string;
  readonly description: string;
  readonly environment: string;
  readonly environmentUrl: string;
  readonly logUrl: string;
  readonly creatorId: number;
  readonly appId: number | null;
  readonly createdAt: Date;
};

const columns = `id, repository, sha, ref, task, payload, environment, description, transient, production,
  creator as "creatorId", app as "appId", created_at as "createdAt", updated_at as "updatedAt"`;
const statusColumns = `id, deployment, state, description, environment, environment_url as "environmentUrl",
  log_url as "logUrl", creator as "creatorId", app as "appId", created_at as "createdAt"`;

export const insertDeployment = (sql: Sql, row: Omit<Deployment, "id" | "updatedAt">) =>
  sql.one<Deployment>(
    `insert into deployments (repository, sha, ref, task, payload, environment, description, transient, production,
       creator, app, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) returning ${columns}`,
    [
      row.repository,
      row.sha,
      row.ref,
      row.task,
      JSON.stringify(row.payload),
      row.environment,
      row.description,
      row.transient,
      row.production,
      row.creatorId,
      row.appId,
      row.createdAt,
    ],
  );

export const findDeployment = (sql: Sql, repository: number, id: number) =>
  sql.maybe<Deployment>(`select ${columns} from deployments where repository = $1 and id = $2`, [repository, id]);

export type DeploymentFilter = Readonly<Record<"sha" | "ref" | "task" | "environment", string | null>>;

const where = `repository = $1 and ($2::text is null or sha = $2) and ($3::text is null or ref = $3)
  and ($4::text is null or task = $4) and ($5::text is null or environment = $5)`;
const params = (repository: number, f: DeploymentFilter) => [repository, f.sha, f.ref, f.task, f.environment];

export const listDeployments = (
  sql: Sql,
  repository: number,
  filter: DeploymentFilter,
  limit: number,
  offset: number,
) =>
  sql.query<Deployment>(`select ${columns} from deployments where ${where} order by id desc limit $6 offset $7`, [
    ...params(repository, filter),
    limit,
    offset,
  ]);

export async function countDeployments(sql: Sql, repository: number, filter: DeploymentFilter): Promise<number> {
  const row = await sql.one<{ n: number }>(
    `select count(*) as n from deployments where ${where}`,
    params(repository, filter),
  );
  return row.n;
}

export async function insertDeploymentStatus(sql: Sql, row: Omit<DeploymentStatus, "id">): Promise<DeploymentStatus> {
  await sql.query("update deployments set updated_at = $2 where id = $1", [row.deployment, row.createdAt]);
  return sql.one<DeploymentStatus>(
    `insert into deployment_statuses (deployment, state, description, environment, environment_url, log_url, creator, app, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${statusColumns}`,
    [
      row.deployment,
      row.state,
      row.description,
      row.environment,
      row.environmentUrl,
      row.logUrl,
      row.creatorId,
      row.appId,
      row.createdAt,
    ],
  );
}

/** Newest first. */
export const listDeploymentStatuses = (sql: Sql, deployment: number) =>
  sql.query<DeploymentStatus>(
    `select ${statusColumns} from deployment_statuses where deployment = $1 order by id desc`,
    [deployment],
  );

/** A success makes the earlier successes of that environment inactive, where it is neither transient nor production. */
export async function deactivateEarlier(sql: Sql, deployment: Deployment, status: DeploymentStatus): Promise<void> {
  await sql.query(
    `insert into deployment_statuses (deployment, state, description, environment, environment_url, log_url, creator, app, created_at)
     select d.id, 'inactive', '', d.environment, '', '', $3, $4, $5
     from deployments d
     where d.repository = $1 and d.environment = $2 and d.id < $6 and not d.transient and not d.production
       and (select s.state from deployment_statuses s where s.deployment = d.id order by s.id desc limit 1) = 'success'`,
    [deployment.repository, deployment.environment, status.creatorId, status.appId, status.createdAt, deployment.id],
  );
}
