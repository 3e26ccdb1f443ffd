import type { Octokit } from "@octokit/rest";
import type { GitHubAuth } from "./types.ts";

export type ClientOptions = {
  /** REST base: `https://api.github.com`, or `https://host/api/v3` of a server of your own. */
  readonly apiUrl: string;
  readonly auth: GitHubAuth;
  readonly timeoutMs: number;
};

/** Longest wait for a rate limit inside a call; a longer one becomes NEB686 and the caller's next pass tries again. */
const patienceSeconds = 10;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Octokit with retry, pacing, a time limit and App authentication. Imported at the first call, not at start. */
export async function makeOctokit({ apiUrl, auth, timeoutMs }: ClientOptions): Promise<Octokit> {
  const [{ Octokit }, { retry }] = await Promise.all([import("@octokit/rest"), import("@octokit/plugin-retry")]);
  const paced = new URL(apiUrl).hostname === "api.github.com";
  const plugins = paced ? [retry, (await import("@octokit/plugin-throttling")).throttling] : [retry];
  return new (Octokit.plugin(...plugins))({
    baseUrl: apiUrl.replace(/\/+$/, ""),
    userAgent: "nebuladb",
    log: silent,
    request: { fetch: fetchWithin(timeoutMs), retries: 2 },
    // Half a second, then two: the plugin multiplies the squares 1 and 4 by this.
    retry: { retryAfterBaseValue: 500, doNotRetry: [400, 401, 403, 404, 405, 409, 410, 412, 422, 429, 451] },
    ...(paced ? { throttle: await pacing() } : {}),
    ...(await authenticated(auth)),
  });
}

async function authenticated(auth: GitHubAuth) {
  if (auth.kind === "token") return { auth: auth.token.reveal() };
  const { createAppAuth } = await import("@octokit/auth-app");
  const { appId, installationId } = auth;
  return { authStrategy: createAppAuth, auth: { appId, privateKey: auth.privateKey.reveal(), installationId } };
}

/**
 * The plugin's own pace is one write a second and one comment in three: five statuses would take five seconds. GitHub's
 * documented ceiling is 80 content-creating requests a minute, so short bursts may go faster.
 */
async function pacing() {
  const { default: Bottleneck } = await import("bottleneck");
  const patient = (retryAfter: number, _options: unknown, _octokit: unknown, retryCount: number) =>
    retryAfter <= patienceSeconds && retryCount < 2;
  return {
    write: new Bottleneck.Group({ maxConcurrent: 4, minTime: 50 }),
    notifications: new Bottleneck.Group({ maxConcurrent: 1, minTime: 500 }),
    onRateLimit: patient,
    onSecondaryRateLimit: patient,
  };
}

function fetchWithin(timeoutMs: number): typeof fetch {
  return (input, init) => {
    const signals = [AbortSignal.timeout(timeoutMs), ...(init?.signal ? [init.signal] : [])];
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
}
