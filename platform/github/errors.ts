import { defineError, type Fault, NebulaError } from "../core/index.ts";

export const githubUnavailable = defineError({
  code: "NEB680",
  status: 503,
  title: "The Git host does not answer",
  retry: true,
  hint: "Nothing is lost: it is tried again. If it stays, check the Git host and the network to it.",
});
export const githubUnauthorised = defineError({
  code: "NEB681",
  status: 502,
  title: "The Git host refuses our credential",
  retry: false,
  hint: "Renew the token or the App's key of this repository; it may have been revoked or expired.",
});
export const githubNotFound = defineError({
  code: "NEB682",
  status: 404,
  title: "Not found on the Git host",
  retry: false,
  hint: "Check the name, and that the App is installed on this repository: what may not be seen looks like this too.",
});
export const githubConflict = defineError({
  code: "NEB683",
  status: 409,
  title: "The branch or pull request changed meanwhile",
  retry: false,
  hint: "Read it again and repeat the change on top of what is there now.",
});
export const githubNotMergeable = defineError({
  code: "NEB684",
  status: 409,
  title: "The pull request cannot be merged",
  retry: false,
  hint: "See the message for what is missing: a required status, an approval, or a conflict to resolve.",
});
export const githubInvalid = defineError({
  code: "NEB685",
  status: 422,
  title: "The Git host refuses the request as invalid",
  retry: false,
  hint: "The message names the field. If you sent nothing unusual, this is a defect: report it.",
});
export const githubRateLimited = defineError({
  code: "NEB686",
  status: 503,
  title: "The Git host limits our rate",
  retry: true,
  hint: "Wait until the limit resets; polling less often or an App installation of your own raises it.",
});
export const githubForbidden = defineError({
  code: "NEB687",
  status: 502,
  title: "The Git host forbids this",
  retry: false,
  hint: "Give the App the permission that the message names: contents, pull requests, statuses, checks and deployments.",
});

export const githubPaused = defineError({
  code: "NEB689",
  status: 503,
  title: "The Git host is left alone for a while",
  retry: true,
  hint: "It failed several times in a row; it is asked again by itself. Nothing is lost. `nebula repo show` tells since when.",
});
export const appKeyInvalid = defineError({
  code: "NEB691",
  status: 422,
  title: "The App's private key cannot be read",
  retry: false,
  hint: "Give the .pem file that GitHub let you download (Settings, Developer settings, GitHub Apps, Private keys).",
});

type ForeignError = {
  readonly status?: number;
  readonly message?: string;
  readonly response?: {
    readonly headers?: Readonly<Record<string, string | number | undefined>>;
    readonly data?: unknown;
  };
};

/** The one place that reads what Octokit throws. `doing` opens the sentence: "merge pull request 7". */
export function translateGitHubError(doing: string, thrown: unknown): NebulaError {
  const ours = nebulaErrorIn(thrown);
  if (ours !== undefined) return ours;
  const foreign = (typeof thrown === "object" && thrown !== null ? thrown : {}) as ForeignError;
  const fault = faultOf(foreign);
  const retryAfterSeconds = fault === githubRateLimited ? secondsUntilReset(foreign) : undefined;
  return fault(`could not ${doing}: ${reasonOf(foreign, thrown)}`, {
    cause: thrown,
    ...(retryAfterSeconds === undefined ? {} : { fields: { retryAfterSeconds } }),
  });
}

/** Octokit wraps what its `fetch` threw, ours among it. */
function nebulaErrorIn(thrown: unknown): NebulaError | undefined {
  for (let at = thrown; at instanceof Error; at = at.cause) if (at instanceof NebulaError) return at;
  return undefined;
}

/** Whether a request ended because its answer did not come in time: the host may still be at it. */
export const isLate = (thrown: unknown): boolean => {
  for (let at = thrown; at instanceof Error; at = at.cause) if (at.name === "AbortError") return true;
  return false;
};

function faultOf({ status, message = "", response }: ForeignError): Fault {
  if (response === undefined || status === undefined || status >= 500) return githubUnavailable;
  const says = `${message} ${JSON.stringify(response.data ?? "")}`;
  if (status === 429 || (status === 403 && isRateLimit(says, response.headers))) return githubRateLimited;
  switch (status) {
    case 401:
      return githubUnauthorised;
    case 403:
      return githubForbidden;
    case 404:
    case 410:
      return githubNotFound;
    case 405:
      return githubNotMergeable;
    case 409:
    case 412:
      return githubConflict;
    case 422:
      return /already exists|not a fast forward|no longer mergeable/i.test(says) ? githubConflict : githubInvalid;
    default:
      return githubInvalid;
  }
}

/** How long the host asks us to wait before this is tried again; undefined when it refused for another reason. */
export function limitedForSeconds(thrown: unknown): number | undefined {
  const foreign = (thrown ?? {}) as ForeignError;
  return foreign.response !== undefined && faultOf(foreign) === githubRateLimited
    ? secondsUntilReset(foreign)
    : undefined;
}

function isRateLimit(says: string, headers: NonNullable<ForeignError["response"]>["headers"]): boolean {
  return /rate limit/i.test(says) || String(headers?.["x-ratelimit-remaining"] ?? "") === "0";
}

function secondsUntilReset({ response }: ForeignError): number {
  const after = Number(response?.headers?.["retry-after"] ?? Number.NaN);
  if (Number.isFinite(after)) return Math.max(1, Math.ceil(after));
  // A secondary limit without a date: GitHub asks for a minute at least.
  if (String(response?.headers?.["x-ratelimit-remaining"] ?? "") !== "0") return 60;
  const reset = Number(response?.headers?.["x-ratelimit-reset"]);
  return Number.isFinite(reset) ? Math.max(1, Math.ceil(reset - Date.now() / 1000)) : 60;
}

function reasonOf({ message, status, response }: ForeignError, thrown: unknown): string {
  const data = response?.data as { readonly message?: unknown; readonly errors?: unknown } | undefined;
  const said = typeof data?.message === "string" ? data.message : (message ?? String(thrown));
  const errors = Array.isArray(data?.errors) ? data.errors.map(describe).filter((text) => text !== "") : [];
  return `${said}${errors.length > 0 ? ` (${errors.join("; ")})` : ""}${response ? ` [${status}]` : ""}`;
}

function describe(error: unknown): string {
  if (typeof error === "string") return error;
  const { field, message, code } = (error ?? {}) as { field?: string; message?: string; code?: string };
  return [field, message ?? code].filter((part) => part !== undefined).join(" ");
}
