import { type Call, findOrMake, once, orMissing, type Repository } from "./call.ts";
import { bringCheckRun } from "./check-runs.ts";
import { cut, longestBody, longestDescription } from "./text.ts";
import type { CheckRunWanted, CommitStatus, DeploymentState, IssueComment, StatusState } from "./types.ts";

/** What is said on commits and pull requests. An answer that is lost is looked for before anything is said again. */
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

export function makeReports(call: Call, repository: Repository, appId?: number): Reports {
  const updateComment = (id: number, body: string) =>
    call(`change comment ${id}`, async ({ rest }) => {
      await rest.issues.updateComment({ ...repository, comment_id: id, body: cut(body, longestBody) });
      return { id };
    });
  const reports: Reports = {
    async createStatus(sha, { context, state, description, targetUrl }) {
      const said = cut(description, longestDescription);
      const isSaid = (one: CommitStatus) => one.context === context && one.state === state && one.description === said;
      await findOrMake(
        async () => (await reports.listStatuses(sha)).find(isSaid)?.context,
        () =>
          call(`set status ${context}`, async ({ rest }) => {
            const target = targetUrl === undefined ? {} : { target_url: targetUrl };
            const status = { ...repository, sha, context, state, description: said, ...target, request: once };
            return (await rest.repos.createCommitStatus(status)).data.context;
          }),
      );
    },
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
    upsertCheckRun: (check) => bringCheckRun(call, repository, check),
    async upsertComment(number, { marker, body, knownId }) {
      const marked = body.includes(marker) ? body : `${marker}\n${body}`;
      if (knownId !== undefined) {
        const changed = await updateComment(knownId, marked).catch(() => undefined);
        if (changed) return changed;
      }
      const find = async () => keepOldest((await commentsOf(number)).filter((one) => one.body.includes(marker)));
      const ours = await find();
      if (ours !== undefined) return updateComment(ours.id, marked);
      return findOrMake(find, () => reports.createComment(number, marked));
    },
    createComment: (number, body) =>
      call(`comment on pull request ${number}`, async ({ rest }) => {
        const issue = { ...repository, issue_number: number };
        const { data } = await rest.issues.createComment({ ...issue, body: cut(body, longestBody), request: once });
        return { id: data.id };
      }),
    listComments: async (number) => (await commentsOf(number)).map(({ id, body, author }) => ({ id, body, author })),
    ensureDeployment({ sha, environment, description, task = "deploy" }) {
      const find = () =>
        call(`find the deployment to ${environment}`, async ({ rest }) => {
          const found = await rest.repos.listDeployments({ ...repository, sha, environment, task, per_page: 1 });
          return found.data[0] === undefined ? undefined : { id: found.data[0].id };
        });
      const make = () =>
        call(`record the deployment to ${environment}`, async ({ rest }) => {
          const { data } = await rest.repos.createDeployment({
            ...{ ...repository, ref: sha, environment, task, auto_merge: false, required_contexts: [], request: once },
            description: cut(description, longestDescription),
          });
          if (!("id" in data)) throw new Error(data.message ?? "the host answered without a deployment");
          return { id: data.id };
        });
      return find().then((found) => found ?? findOrMake(find, make));
    },
    async createDeploymentStatus(id, { state, description, logUrl }) {
      const said = cut(description, longestDescription);
      const of = { ...repository, deployment_id: id };
      await findOrMake(
        () =>
          call(`read deployment ${id}`, async ({ rest }) => {
            const [newest] = (await rest.repos.listDeploymentStatuses({ ...of, per_page: 1 })).data;
            return newest?.state === state && newest.description === said ? newest.id : undefined;
          }),
        () =>
          call(`report deployment ${id}`, async ({ rest }) => {
            const log = logUrl === undefined ? {} : { log_url: logUrl };
            const status = { ...of, state, description: said, auto_inactive: true, ...log, request: once };
            return (await rest.repos.createDeploymentStatus(status)).data.id;
          }),
      );
    },
  };
  return reports;

  /** Anybody may write our marker into a comment: what this App did not write is not ours to change. */
  function commentsOf(number: number): Promise<readonly Found[]> {
    return call(`list the comments of pull request ${number}`, async (octokit) => {
      const issue = { ...repository, issue_number: number, per_page: 100 };
      const comments = await octokit.paginate(octokit.rest.issues.listComments, issue);
      return comments.map(({ id, body, user, performed_via_github_app: app }) => {
        const byBot = app == null ? user?.type === "Bot" : app.id === appId;
        const by = appId === undefined ? "perhaps us" : byBot ? "us" : "somebody";
        return { id, body: body ?? "", author: user?.login ?? "ghost", by };
      });
    });
  }

  /** A second one was made by a request that was given up here and went through there all the same. */
  async function keepOldest(found: readonly Found[]): Promise<Found | undefined> {
    const [first, ...others] = found.filter(({ by }) => by !== "somebody");
    for (const { id, by } of others)
      if (by === "us")
        await orMissing(
          call(`delete comment ${id}`, ({ rest }) => rest.issues.deleteComment({ ...repository, comment_id: id })),
        );
    return first;
  }
}

type Found = IssueComment & { readonly by: "us" | "perhaps us" | "somebody" };
