/**
 * The only door to Octokit. Owns: the wire to a Git host that speaks GitHub's REST API (github.com, a GitHub Enterprise
 * Server, the embedded forge), authentication, retries, pacing, and the translation of its errors. Does not own: git itself
 * (platform/git), what is said in a comment, or when.
 *
 * 1. Every method answers a plain value of `types.ts` or throws a `NebulaError` NEB680-687. Nobody else reads a message.
 * 2. Reading, setting and deleting are retried on a lost answer; what creates is not, and finds what it made by name.
 * 3. A merge names the head that was reviewed.
 * 4. Octokit is imported at the first call, not at start.
 */
import type { Octokit } from "@octokit/rest";
import { Secret } from "../core/index.ts";
import { makeCall } from "./call.ts";
import { makeOctokit } from "./client.ts";
import { type Hooks, makeHooks } from "./hooks.ts";
import { makePulls, type Pulls } from "./pulls.ts";
import { makeRefs, type Refs } from "./refs.ts";
import { makeReports, type Reports } from "./reports.ts";
import type { GitHubAuth } from "./types.ts";

export { isFault } from "./call.ts";
export * from "./errors.ts";
export type { Hooks } from "./hooks.ts";
export type { Pulls } from "./pulls.ts";
export type { Refs } from "./refs.ts";
export type { Reports } from "./reports.ts";
export * from "./types.ts";
export { signWebhook, verifyWebhook } from "./webhook.ts";

/** One repository of one Git host, as one principal. */
export type GitHub = Refs &
  Pulls &
  Reports &
  Hooks & {
    /** A token for `git fetch`; an App's is made for an hour and cached. */
    gitToken(): Promise<Secret>;
  };

export type GitHubOptions = {
  /** `https://api.github.com`, or `https://host/api/v3`. */
  readonly apiUrl: string;
  readonly repository: { readonly owner: string; readonly name: string };
  readonly auth: GitHubAuth;
  /** Longest wait for one request. Default 10 s. */
  readonly timeoutMs?: number;
};

/** Holds no socket and no timer of its own: there is nothing to close. */
export function makeGitHub({ apiUrl, repository, auth, timeoutMs = 10_000 }: GitHubOptions): GitHub {
  const call = makeCall(() => makeOctokit({ apiUrl, auth, timeoutMs }));
  const named = { owner: repository.owner, repo: repository.name };
  return {
    ...makeRefs(call, named),
    ...makePulls(call, named),
    ...makeReports(call, named),
    ...makeHooks(call, named),
    gitToken: async () => (auth.kind === "token" ? auth.token : call("make a token for git", installationToken)),
  };
}

async function installationToken(octokit: Octokit): Promise<Secret> {
  const { token } = (await octokit.auth({ type: "installation" })) as { readonly token: string };
  return new Secret(token);
}
