import { type Call, once, type Repository } from "./call.ts";
import type { Annotation, CheckRunWanted, CommitStatus, DeploymentState, IssueComment, StatusState } from "./types.ts";

/** What is said on commits and pull requests. Everything but a deployment may be said twice without harm. */
export type Reports = {
  createStatus(
    sha: string,
    status: {
      readonly context: string;
      readonly state: StatusState;
      readonly description: string;
      readonly targetUrl?: string;
    },
  ): Promise<void>;
  /** The newest status of each context. */
  listStatuses(sha: string): Promise<readonly CommitStatus[]>;
  /** The check run of this name on this commit: made or, when it is there, changed. Needs an App's token. */
  upsertCheckRun(check: CheckRunWanted): Promise<{ readonly id: number }>;
  /**
   * The one comment that carries `marker` (hidden in its body): made or changed in place. `knownId` saves the search.
   */
  upsertComment(
    number: number,
    comment: { readonly marker: string; readonly body: string; readonly knownId?: number },
  ): Promise<{ readonly id: number }>;
  createComment(number: number, body: string): Promise<{ readonly id: number }>;
  listComments(number: number): Promise<readonly IssueComment[]>;
  /** The deployment of `sha` to `environment` with this task; the existing one when there is one. */
  ensureDeployment(deployment: {
    readonly sha: string;
    readonly environment: string;
    readonly description: string;
    readonly task?: string;
  }): Promise<{ readonly id: number }>;
  createDeploymentStatus(
    id: number,
    status: { readonly state: DeploymentState; readonly description: string; readonly logUrl?: string },
  ): Promise<void>;
};

const longestDescription = 140;
const annotationsACall = 50;
const longestTitle = 255;
const longestBody = 65_000;

export function makeReports(call: Call, repository: Repository): Reports {
  const updateComment = (id: number, body: string) =>
    call(`change comment ${id}`, async ({ rest }) => {
      await rest.issues.updateComment({ ...repository, comment_id: id, body: cut(body, longestBody) });
      return { id };
    });
  const reports: Reports = {
    createStatus: (sha, { context, state, description, targetUrl }) =>
      call(`set status ${context}`, async ({ rest }) => {
        await rest.repos.createCommitStatus({
          ...repository,
          sha,
          context,
          state,
          description: cut(description, longestDescription),
          ...(targetUrl === undefined ? {} : { target_url: targetUrl }),
        });
      }),
    listStatuses: (sha) =>
      call(`read the statuses of ${sha}`, async ({ rest }) => {
        const { data } = await rest.repos.getCombinedStatusForRef({ ...repository, ref: sha, per_page: 100 });
        return data.statuses.map((status) => ({
          context: status.context,
          state: status.state as StatusState,
          description: status.description ?? "",
          targetUrl: status.target_url ?? null,
        }));
      }),
    upsertCheckRun: (check) =>
      call(`report check run ${check.name}`, async ({ rest }) => {
        const found = await rest.checks.listForRef({
          ...repository,
          ref: check.sha,
          check_name: check.name,
          per_page: 1,
        });
        const existing = found.data.check_runs[0]?.id;
        const id = existing ?? (await rest.checks.create({ ...toWire(check, 0), head_sha: check.sha })).data.id;
        const first = existing === undefined ? annotationsACall : 0;
        for (let at = first; at < Math.max(check.annotations.length, first === 0 ? 1 : 0); at += annotationsACall)
          await rest.checks.update({ ...toWire(check, at), check_run_id: id });
        return { id };
      }),
    async upsertComment(number, { marker, body, knownId }) {
      const marked = body.includes(marker) ? body : `${marker}\n${body}`;
      if (knownId !== undefined) {
        const changed = await updateComment(knownId, marked).catch(() => undefined);
        if (changed) return changed;
      }
      const ours = (await reports.listComments(number)).find((comment) => comment.body.includes(marker));
      return ours ? updateComment(ours.id, marked) : reports.createComment(number, marked);
    },
    createComment: (number, body) =>
      call(`comment on pull request ${number}`, async ({ rest }) => {
        const issue = { ...repository, issue_number: number };
        const { data } = await rest.issues.createComment({ ...issue, body: cut(body, longestBody), request: once });
        return { id: data.id };
      }),
    listComments: (number) =>
      call(`list the comments of pull request ${number}`, async (octokit) => {
        const issue = { ...repository, issue_number: number, per_page: 100 };
        const comments = await octokit.paginate(octokit.rest.issues.listComments, issue);
        return comments.map(({ id, body, user }) => ({ id, body: body ?? "", author: user?.login ?? "ghost" }));
      }),
    ensureDeployment: ({ sha, environment, description, task = "deploy" }) =>
      call(`record the deployment to ${environment}`, async ({ rest }) => {
        const wanted = { ...repository, sha, environment, task };
        const found = await rest.repos.listDeployments({ ...wanted, per_page: 1 });
        const existing = found.data[0];
        if (existing) return { id: existing.id };
        const { data } = await rest.repos.createDeployment({
          ...repository,
          ref: sha,
          environment,
          task,
          description: cut(description, longestDescription),
          auto_merge: false,
          required_contexts: [],
          request: once,
        });
        if (!("id" in data)) throw new Error(data.message ?? "the host answered without a deployment");
        return { id: data.id };
      }),
    createDeploymentStatus: (id, { state, description, logUrl }) =>
      call(`report deployment ${id}`, async ({ rest }) => {
        await rest.repos.createDeploymentStatus({
          ...repository,
          deployment_id: id,
          state,
          description: cut(description, longestDescription),
          auto_inactive: true,
          ...(logUrl === undefined ? {} : { log_url: logUrl }),
        });
      }),
  };
  return reports;

  function toWire({ name, state, title, summary, annotations, detailsUrl }: CheckRunWanted, from: number) {
    return {
      ...repository,
      name,
      ...(detailsUrl === undefined ? {} : { details_url: detailsUrl }),
      ...(state.kind === "running"
        ? { status: "in_progress" as const }
        : { status: "completed" as const, conclusion: state.conclusion }),
      output: {
        title: cut(title, longestTitle),
        summary: cut(summary, longestBody),
        annotations: annotations.slice(from, from + annotationsACall).map(toWireAnnotation),
      },
    };
  }
}

function toWireAnnotation(annotation: Annotation) {
  // Columns are only allowed where the annotation stays on one line.
  const columns =
    annotation.startLine === annotation.endLine && annotation.startColumn !== undefined
      ? { start_column: annotation.startColumn, end_column: annotation.endColumn ?? annotation.startColumn }
      : {};
  return {
    path: annotation.path,
    start_line: annotation.startLine,
    end_line: annotation.endLine,
    ...columns,
    annotation_level: annotation.level,
    title: cut(annotation.title, longestTitle),
    message: annotation.message,
  };
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
