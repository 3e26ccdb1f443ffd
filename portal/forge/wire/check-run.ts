import { internalError } from "../../../platform/core/index.ts";
import type { Sql } from "../../../platform/sql/index.ts";
import type { RepositoryCall } from "../http/route.ts";
import { type Account, readAccounts } from "../store/accounts.ts";
import { type App, findApp } from "../store/apps.ts";
import { type Annotation, type CheckRun, countAnnotations } from "../store/check-runs.ts";
import type { Pull } from "../store/pulls.ts";
import { encodePath } from "../urls.ts";
import { appToWire } from "./account.ts";
import { nodeId, timestampOrNull } from "./values.ts";

export type CheckRunParts = { readonly app: App; readonly owner: Account; readonly annotations: number };

export async function readCheckRunParts(sql: Sql, run: CheckRun): Promise<CheckRunParts> {
  const [app, { total }] = await Promise.all([findApp(sql, run.app), countAnnotations(sql, run.id)]);
  const owner = app === undefined ? undefined : (await readAccounts(sql, [app.ownerId])).get(app.ownerId);
  if (app === undefined || owner === undefined) throw internalError(`check run ${run.id} has no app`);
  return { app, owner, annotations: total };
}

export function checkRunToWire(
  { context: { urls }, repository }: Pick<RepositoryCall, "context" | "repository">,
  run: CheckRun,
  { app, owner, annotations }: CheckRunParts,
  pulls: readonly Pull[],
) {
  const self = urls.repo(repository, `/check-runs/${run.id}`);
  const repo = { id: repository.id, url: urls.repo(repository), name: repository.name };
  return {
    id: run.id,
    name: run.name,
    node_id: nodeId("CheckRun", run.id),
    head_sha: run.headSha,
    external_id: run.externalId ?? "",
    url: self,
    html_url: urls.html(repository, `/runs/${run.id}`),
    details_url: run.detailsUrl ?? urls.html(repository, `/runs/${run.id}`),
    status: run.status,
    conclusion: run.conclusion,
    started_at: timestampOrNull(run.startedAt),
    completed_at: timestampOrNull(run.completedAt),
    output: {
      title: run.title,
      summary: run.summary,
      text: run.text,
      annotations_count: annotations,
      annotations_url: `${self}/annotations`,
    },
    check_suite: { id: run.suite },
    app: appToWire(urls, app, owner),
    pull_requests: pulls.map((pull) => ({
      id: pull.id,
      number: pull.number,
      url: urls.repo(repository, `/pulls/${pull.number}`),
      head: { ref: pull.headRef, sha: pull.headSha, repo },
      base: { ref: pull.baseRef, sha: pull.baseSha, repo },
    })),
  };
}

export function annotationToWire({ context, repository }: RepositoryCall, run: CheckRun, one: Annotation) {
  return {
    path: one.path,
    blob_href: context.urls.repo(repository, `/contents/${encodePath(one.path)}?ref=${run.headSha}`),
    start_line: one.start_line,
    start_column: one.start_column ?? null,
    end_line: one.end_line,
    end_column: one.end_column ?? null,
    annotation_level: one.annotation_level,
    title: one.title ?? null,
    message: one.message,
    raw_details: one.raw_details ?? null,
  };
}
