import type { Octokit } from "@octokit/rest";
import { type Clock, currentTraceparent, guardedFetch, inSpan, type UrlPolicy } from "../core/index.ts";
import { type AppAuth, type Mint, makeAppAuth } from "./app-auth.ts";
import { conditionalFetch } from "./conditional.ts";
import { limitedForSeconds } from "./errors.ts";
import type { Gate } from "./gate.ts";
import type { GitHubAuth } from "./types.ts";

export type ClientOptions = {
  /** REST base: `https://api.github.com`, or `https://host/api/v3` of a server of your own. */
  readonly apiUrl: string;
  readonly auth: GitHubAuth;
  readonly timeoutMs: number;
  readonly policy: UrlPolicy;
  readonly gate: Gate;
  readonly clock: Clock;
};

export type Client = {
  readonly octokit: Octokit;
  /** The credential of the moment, for `git fetch`. */
  credential(): Promise<string>;
  /** The host's clock, in milliseconds ahead of ours; undefined before its first answer. */
  skewMs(): number | undefined;
};

/** Longest wait for a rate limit inside a call; a longer one becomes NEB686 and the caller's next pass tries again. */
const patienceSeconds = 10;
const limitedTries = 2;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Octokit with a guarded `fetch`, conditional requests, retries, pacing and our own authentication. Imported at the first call,
 * not at start. From the wire inwards: guard, gate, conditional, Octokit's retry (5xx and broken lines), ours (limits, 401).
 */
export async function makeClient(options: ClientOptions): Promise<Client> {
  const { apiUrl, auth, timeoutMs, policy, gate, clock } = options;
  const [{ Octokit }, { retry }] = await Promise.all([import("@octokit/rest"), import("@octokit/plugin-retry")]);
  const baseUrl = apiUrl.replace(/\/+$/, "");
  const paced = new URL(apiUrl).hostname === "api.github.com";
  const plugins = paced ? [retry, (await import("@octokit/plugin-throttling")).throttling] : [retry];
  const app = auth.kind === "app" ? makeAppAuth(auth, clock) : undefined;
  let skewMs: number | undefined;
  const clocked: typeof fetch = async (input, init) => {
    const response = await guarded(input, init);
    const date = Date.parse(response.headers.get("date") ?? "");
    if (!Number.isNaN(date)) {
      skewMs = date - clock.now();
      app?.learnSkew(skewMs);
    }
    return response;
  };
  const guarded = guardedFetch(policy, { timeoutMs });
  const octokit = new (Octokit.plugin(...plugins))({
    baseUrl,
    userAgent: "nebuladb",
    log: silent,
    request: { fetch: conditionalFetch(gate.around(clocked)) },
    // Half a second, then two: the plugin multiplies the squares 1 and 4 by this. Not as a request's own `retries`: the plugin
    // would repeat what was refused, too.
    retry: {
      retries: 2,
      retryAfterBaseValue: 500,
      doNotRetry: [400, 401, 403, 404, 405, 409, 410, 412, 422, 429, 451],
    },
    ...(paced ? { throttle: await pacing() } : {}),
  });
  const credential = makeCredential(octokit, auth, app);
  octokit.hook.wrap("request", (request, sent) =>
    inRequestSpan(sent, baseUrl, async () => {
      const isOurs = sent.url.startsWith("/") || new URL(sent.url).origin === new URL(baseUrl).origin;
      const own = sent.headers.authorization;
      for (let again = 0; ; again++) {
        if (own === undefined) gate.enter(); // else it is asked on the way of another request
        let token: string | undefined;
        try {
          token = own === undefined && isOurs ? await credential(sent.url) : undefined;
          // Every hook around a request has the same options: the credential is put into them.
          if (token !== undefined) sent.headers = { ...sent.headers, authorization: schemeOf(token) };
          return await request(sent);
        } catch (thrown) {
          const refused = (thrown as { status?: unknown }).status === 401 && app !== undefined && own === undefined;
          if (refused && again === 0) {
            if (token !== undefined) app.forget(token);
            continue;
          }
          const waitSeconds = limitedForSeconds(thrown);
          if (waitSeconds === undefined || waitSeconds > patienceSeconds || again >= limitedTries) throw thrown;
          await clock.sleep(waitSeconds * 1000);
        }
      }
    }),
  );
  return { octokit, credential: () => credential("/"), skewMs: () => skewMs };
}

type Sent = { readonly method: string; readonly url: string };

/** A request of ours in a trace: its route, never what stands in it. A page's address is what the host gave us. */
function inRequestSpan<T>({ method, url }: Sent, baseUrl: string, work: () => Promise<T>): Promise<T> {
  if (currentTraceparent() === undefined) return work();
  const name = `${method} ${url.startsWith("/") ? url : "(page)"}`;
  const facts = { "http.request.method": method, "server.address": new URL(baseUrl).host };
  return inSpan({ name, kind: "client", facts }, work);
}

const schemeOf = (credential: string): string =>
  `${credential.split(".").length === 3 ? "Bearer" : "token"} ${credential}`;

/** What an App asks as itself is signed by its key; everything else carries the installation's token, or the one given. */
function makeCredential(
  octokit: Octokit,
  auth: GitHubAuth,
  app: AppAuth | undefined,
): (url: string) => Promise<string> {
  if (auth.kind === "token") return async () => auth.token.reveal();
  if (app === undefined) throw new Error("an App has a key");
  const mint: Mint = async (jwt) => {
    const { data } = await octokit.request("POST /app/installations/{installation_id}/access_tokens", {
      installation_id: auth.installationId ?? 0,
      headers: { authorization: `Bearer ${jwt}` },
    });
    return { token: data.token, expiresAt: data.expires_at };
  };
  return async (url) =>
    isAppsOwn(url) || auth.installationId === undefined ? app.jwt() : (await app.token(mint)).reveal();
}

/** `/app`, `/app/...` and the installation of a repository, by template or filled in. */
const isAppsOwn = (url: string): boolean => /(^|\/api\/v3)(\/app(\/|$)|\/repos\/[^/]+\/[^/]+\/installation$)/.test(url);

/**
 * The plugin's own pace is one write a second and one comment in three: five statuses would take five seconds. GitHub's
 * documented ceiling is 80 content-creating requests a minute, so short bursts may go faster. Waiting for a limit is ours.
 */
async function pacing() {
  const { default: Bottleneck } = await import("bottleneck");
  return {
    write: new Bottleneck.Group({ maxConcurrent: 4, minTime: 50 }),
    notifications: new Bottleneck.Group({ maxConcurrent: 1, minTime: 500 }),
    onRateLimit: () => false,
    onSecondaryRateLimit: () => false,
  };
}
