/**
 * The only door to Octokit. Owns: the wire to a Git host that speaks GitHub's REST API (github.com, a GitHub Enterprise
 * Server, the embedded forge), authentication, retries, pacing, and the translation of its errors. Does not own: git itself
 * (platform/git), what is said in a comment, or when.
 *
 * 1. Every method answers a plain value of `types.ts` or throws a `NebulaError` NEB680-689 or 691. Nobody else reads a message.
 * 2. Reading, setting and deleting are retried on a lost answer; what creates is not, and finds what it made before it makes it
 *    again.
 * 3. A merge names the head that was reviewed.
 * 4. Octokit is imported at the first call, not at start.
 * 5. Nothing is asked of an address that the policy does not allow, and nothing of a host that is paused (`gate.ts`).
 */
import { type Clock, Secret, systemClock, type UrlPolicy } from "../core/index.ts";
import { makeStanding, type Standing } from "./app.ts";
import { makeCall } from "./call.ts";
import { type Client, makeClient } from "./client.ts";
import { type Gate, makeGate } from "./gate.ts";
import { type Guards, makeGuards } from "./guards.ts";
import { type Hooks, makeHooks } from "./hooks.ts";
import { makeProbes, type Probes } from "./probes.ts";
import { makePulls, type Pulls } from "./pulls.ts";
import { makeRefs, type Refs } from "./refs.ts";
import { makeReports, type Reports } from "./reports.ts";
import type { GitHubAuth } from "./types.ts";

export type { Standing } from "./app.ts";
export { isFault } from "./call.ts";
export { type Finding, type FindingState, inspectRepository } from "./check.ts";
export * from "./errors.ts";
export { type Gate, type HostHealth, makeGates } from "./gate.ts";
export type { Guards } from "./guards.ts";
export type { Hooks } from "./hooks.ts";
export { hookEvents, permissions as appPermissions, requiredContexts } from "./needs.ts";
export type { Pulls } from "./pulls.ts";
export type { Refs } from "./refs.ts";
export type { Reports } from "./reports.ts";
export * from "./types.ts";
export { signWebhook, verifyWebhook } from "./webhook.ts";

/** One repository of one Git host, as one principal. */
export type GitHub = Refs &
  Pulls &
  Reports &
  Hooks &
  Guards &
  Standing &
  Probes & {
    /** A token for `git fetch`; an App's is made for an hour and cached. */
    gitToken(): Promise<Secret>;
    /** The host's clock, in milliseconds ahead of ours; undefined before its first answer. */
    skewMs(): Promise<number | undefined>;
    /** Shared by every client of the host. */
    readonly gate: Gate;
  };

export type GitHubOptions = {
  /** `https://api.github.com`, or `https://host/api/v3`. */
  readonly apiUrl: string;
  readonly repository: { readonly owner: string; readonly name: string };
  readonly auth: GitHubAuth;
  /** Longest wait for one request. Default 12 s: GitHub ends what it could not do in ten. */
  readonly timeoutMs?: number;
  /** What may be connected to. Default: https to public addresses, and this machine, for the embedded forge. */
  readonly policy?: UrlPolicy;
  readonly gate?: Gate;
  readonly clock?: Clock;
};

/** Idle connections close by themselves and keep no process alive: there is nothing to close. */
export function makeGitHub(options: GitHubOptions): GitHub {
  const { apiUrl, repository, auth, timeoutMs = 12_000, policy = thisMachine, clock = systemClock } = options;
  const gate = options.gate ?? makeGate(new URL(apiUrl).host, { clock });
  let client: Promise<Client> | undefined;
  const connect = () => (client ??= makeClient({ apiUrl, auth, timeoutMs, policy, gate, clock }));
  const call = makeCall(async () => (await connect()).octokit);
  const named = { owner: repository.owner, repo: repository.name };
  return {
    ...makeRefs(call, named),
    ...makePulls(call, named),
    ...makeReports(call, named, auth.kind === "app" ? auth.appId : undefined),
    ...makeHooks(call, named),
    ...makeGuards(call, named),
    ...makeStanding(call, named),
    ...makeProbes(call, named),
    gitToken: async () =>
      auth.kind === "token"
        ? auth.token
        : call("make a token for git", async () => new Secret(await (await connect()).credential())),
    skewMs: async () => (await connect()).skewMs(),
    gate,
  };
}

const thisMachine: UrlPolicy = { inside: ["127.0.0.1", "[::1]", "localhost"] };
