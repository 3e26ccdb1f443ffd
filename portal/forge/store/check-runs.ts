import type { Sql } from "../../../platform/sql/index.ts";

export type CheckRun = {
  readonly id: number;
  readonly suite: number;
  readonly repository: number;
  readonly app: number;
  readonly headSha: string;
  readonly name: string;
  readonly externalId: string | null;
  readonly detailsUrl: string | null;
  readonly status: string;
  readonly conclusion: string | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly title: string | null;
  readonly summary: string | null;
  readonly text: string | null;
};

export type Annotation = {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly start_column?: number | null | undefined;
  readonly end_column?: number | null | undefined;
  readonly annotation_level: string;
  readonly title?: string | null | undefined;
  readonly message: string;
  readonly raw_details?: string | null | undefined;
};

const columns = `id, suite, repository, app, head_sha as "headSha", name, external_id as "externalId",
  details_url as "detailsUrl", status, conclusion, started_at as "startedAt", completed_at as "completedAt", title, summary, text`;

export async function ensureSuite(
  sql: Sql,
  repository: number,
  app: number,
  headSha: string,
  at: Date,
): Promise<number> {
  await sql.query(
    "insert into check_suites (repository, app, head_sha, created_at) values ($1, $2, $3, $4) on conflict do nothing",
    [repository, app, headSha, at],
  );
  const row = await sql.one<{ id: number }>(
    "select id from check_suites where repository = $1 and app = $2 and head_sha = $3",
    [repository, app, headSha],
  );
  return row.id;
}

const progress = (run: Omit<CheckRun, "id">) => [
  run.name,
  run.externalId,
  run.detailsUrl,
  run.status,
  run.conclusion,
  run.startedAt,
  run.completedAt,
  run.title,
  run.summary,
  run.text,
];

export const insertCheckRun = (sql: Sql, run: Omit<CheckRun, "id">) =>
  sql.one<CheckRun>(
    `insert into check_runs (name, external_id, details_url, status, conclusion, started_at, completed_at, title, summary,
       text, suite, repository, app, head_sha)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning ${columns}`,
    [...progress(run), run.suite, run.repository, run.app, run.headSha],
  );

export const updateCheckRun = (sql: Sql, id: number, run: Omit<CheckRun, "id">) =>
  sql.one<CheckRun>(
    `update check_runs set name = $1, external_id = $2, details_url = $3, status = $4, conclusion = $5, started_at = $6,
       completed_at = $7, title = $8, summary = $9, text = $10 where id = $11 returning ${columns}`,
    [...progress(run), id],
  );

export const findCheckRun = (sql: Sql, repository: number, id: number) =>
  sql.maybe<CheckRun>(`select ${columns} from check_runs where repository = $1 and id = $2`, [repository, id]);

export type CheckRunFilter = {
  /** Only the newest of each name and app. */
  readonly latestOnly: boolean;
  readonly name: string | null;
  readonly status: string | null;
  readonly app: number | null;
};

export async function listCheckRuns(sql: Sql, repository: number, headSha: string, filter: CheckRunFilter) {
  const distinct = filter.latestOnly ? "distinct on (name, app)" : "";
  const rows = await sql.query<CheckRun>(
    `select * from (
       select ${distinct} ${columns} from check_runs
       where repository = $1 and head_sha = $2 and ($3::text is null or name = $3) and ($4::bigint is null or app = $4)
       order by name, app, id desc) newest
     where $5::text is null or status = $5`,
    [repository, headSha, filter.name, filter.app, filter.status],
  );
  return [...rows].sort((a, b) => b.id - a.id);
}

/** Annotations add up over the updates of a run. */
export async function addAnnotations(sql: Sql, run: number, annotations: readonly Annotation[]): Promise<void> {
  if (annotations.length === 0) return;
  await sql.query(
    `insert into annotations (check_run, path, start_line, end_line, start_column, end_column, annotation_level, title,
       message, raw_details)
     select $1, a.path, a.start_line, a.end_line, a.start_column, a.end_column, a.annotation_level, a.title, a.message,
       a.raw_details
     from jsonb_to_recordset($2::jsonb) as a (path text, start_line int, end_line int, start_column int, end_column int,
       annotation_level text, title text, message text, raw_details text)`,
    [run, JSON.stringify(annotations)],
  );
}

export async function listAnnotations(sql: Sql, run: number, limit: number, offset: number) {
  const { total } = await countAnnotations(sql, run);
  const annotations = await sql.query<Annotation>(
    `select path, start_line, end_line, start_column, end_column, annotation_level, title, message, raw_details
     from annotations where check_run = $1 order by id limit $2 offset $3`,
    [run, limit, offset],
  );
  return { annotations, total };
}

export const countAnnotations = (sql: Sql, run: number) =>
  sql.one<{ total: number }>("select count(*) as total from annotations where check_run = $1", [run]);
