import type { RestEndpointMethodTypes } from "@octokit/rest";
import { type Call, findOrMake, isFault, once, orMissing, type Repository } from "./call.ts";
import { githubConflict, githubInvalid, githubNotMergeable, githubUnavailable } from "./errors.ts";
import type { MergeMethod, Pull, PullFile } from "./types.ts";

export type Pulls = {
  /**
   * Opens a pull request of a branch. There is one open pull request a branch: when an answer was lost, asking again
   * finds the one that was made.
   */
  createPull(pull: {
    readonly title: string;
    readonly body: string;
    readonly head: string;
    readonly base: string;
  }): Promise<Pull>;
  /** @throws NEB682 when there is no such pull request. */
  getPull(number: number): Promise<Pull>;
  /** Newest first; at most `limit` (default 100). */
  listPulls(filter?: {
    readonly state?: "open" | "closed" | "all";
    /** Branch of this repository. */
    readonly head?: string;
    readonly base?: string;
    readonly limit?: number;
  }): Promise<readonly Pull[]>;
  updatePull(number: number, change: { readonly title?: string; readonly body?: string }): Promise<Pull>;
  pullFiles(number: number): Promise<readonly PullFile[]>;
  /**
   * Merges exactly the reviewed head.
   * @throws NEB683 when the head moved, NEB684 with the host's reason when it may not be merged.
   */
  mergePull(
    number: number,
    options: {
      readonly sha: string;
      readonly method?: MergeMethod;
      readonly title?: string;
      readonly message?: string;
    },
  ): Promise<{ readonly sha: string }>;
  closePull(number: number): Promise<void>;
};

export function makePulls(call: Call, repository: Repository): Pulls {
  const numbered = (number: number) => ({ ...repository, pull_number: number });
  const pulls: Pulls = {
    async createPull({ title, body, head, base }) {
      const find = async () => (await pulls.listPulls({ head, base, limit: 1 }))[0];
      const make = () =>
        call(`open a pull request of ${head}`, async ({ rest }) => {
          const { data } = await rest.pulls.create({ ...repository, title, body, head, base, request: once });
          return fromWire(data);
        });
      try {
        return await findOrMake(find, make);
      } catch (thrown) {
        // "A pull request already exists": an earlier request of ours, whose answer was lost, made it.
        const isThere = [githubConflict, githubInvalid].some((fault) => isFault(thrown, fault));
        const existing = isThere ? await find().catch(() => undefined) : undefined;
        if (existing === undefined) throw thrown;
        return existing;
      }
    },
    getPull: (number) =>
      call(`read pull request ${number}`, async ({ rest }) => fromWire((await rest.pulls.get(numbered(number))).data)),
    listPulls: ({ state = "open", head, base, limit = 100 } = {}) =>
      call("list pull requests", async (octokit) => {
        const filter = {
          ...repository,
          state,
          per_page: Math.min(limit, 100),
          ...(head === undefined ? {} : { head: `${repository.owner}:${head}` }),
          ...(base === undefined ? {} : { base }),
        };
        const found: Pull[] = [];
        for await (const { data } of octokit.paginate.iterator(octokit.rest.pulls.list, filter)) {
          found.push(...data.map(fromWire));
          if (found.length >= limit) break;
        }
        return found.slice(0, limit);
      }),
    updatePull: (number, change) =>
      call(`change pull request ${number}`, async ({ rest }) => {
        const { data } = await rest.pulls.update({ ...numbered(number), ...change });
        return fromWire(data);
      }),
    pullFiles: (number) =>
      call(`list the files of pull request ${number}`, async (octokit) => {
        const files = await octokit.paginate(octokit.rest.pulls.listFiles, { ...numbered(number), per_page: 100 });
        return files.map((file) => ({
          path: file.filename,
          status: file.status,
          previousPath: file.previous_filename ?? null,
          additions: file.additions,
          deletions: file.deletions,
          patch: file.patch ?? null,
        }));
      }),
    async mergePull(number, { sha, method = "squash", title, message }) {
      try {
        return await call(`merge pull request ${number}`, async ({ rest }) => {
          const { data } = await rest.pulls.merge({
            ...numbered(number),
            sha,
            merge_method: method,
            ...(title === undefined ? {} : { commit_title: title }),
            ...(message === undefined ? {} : { commit_message: message }),
          });
          return { sha: data.sha };
        });
      } catch (thrown) {
        // An earlier try whose answer was lost may have merged it: the next one is refused, or lost too. Who cannot look either does
        // not know, and must not say that it is refused.
        const unsure = [githubNotMergeable, githubConflict, githubUnavailable].some((fault) => isFault(thrown, fault));
        const now = unsure ? await pulls.getPull(number) : undefined;
        if (now?.mergeCommit == null || now.head.sha !== sha) throw thrown;
        return { sha: now.mergeCommit };
      }
    },
    async closePull(number) {
      await orMissing(
        call(`close pull request ${number}`, ({ rest }) => rest.pulls.update({ ...numbered(number), state: "closed" })),
      );
    },
  };
  return pulls;
}

type WirePull =
  | RestEndpointMethodTypes["pulls"]["get"]["response"]["data"]
  | RestEndpointMethodTypes["pulls"]["list"]["response"]["data"][number];

function fromWire(wire: WirePull): Pull {
  return {
    number: wire.number,
    title: wire.title,
    body: wire.body ?? "",
    state: wire.state === "open" ? "open" : "closed",
    merged: wire.merged_at !== null,
    mergeCommit: wire.merged_at === null ? null : wire.merge_commit_sha,
    head: { ref: wire.head.ref, sha: wire.head.sha, repository: wire.head.repo?.full_name ?? null },
    base: { ref: wire.base.ref, sha: wire.base.sha },
    author: wire.user?.login ?? "ghost",
    authorId: wire.user?.id ?? null,
    url: wire.html_url,
    mergeable: "mergeable" in wire ? wire.mergeable : null,
    mergeableState: "mergeable_state" in wire ? wire.mergeable_state : "unknown",
    draft: wire.draft ?? false,
    labels: wire.labels.map(({ name }) => name ?? "").filter((name) => name !== ""),
    createdAt: wire.created_at,
    updatedAt: wire.updated_at,
    mergedAt: wire.merged_at,
  };
}
