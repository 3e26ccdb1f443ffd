import { defineError, type NebulaError } from "../../platform/core/index.ts";
import type { SpecProblem } from "../../platform/spec/index.ts";

export const badJson = defineError({
  code: "NEB600",
  status: 400,
  title: "The body is not JSON",
  retry: false,
  hint: "Send one JSON object with content-type application/json.",
});

export const bucketsUnavailable = defineError({
  code: "NEB798",
  status: 501,
  title: "No buckets here",
  retry: false,
  hint: "Buckets need versitygw beside the gateway; `nebula doctor` says whether it is there.",
});

export const badRequest = defineError({
  code: "NEB601",
  status: 422,
  title: "The request does not fit",
  retry: false,
  hint: "Correct the fields named in `errors`; /docs lists every field with its type and limits.",
});

export const notFound = defineError({
  code: "NEB602",
  status: 404,
  title: "Not found",
  retry: false,
  hint: "Check the spelling, and that your token reaches this tenant and project.",
});

export const bodyTooLarge = defineError({
  code: "NEB603",
  status: 413,
  title: "The body is too large",
  retry: false,
  hint: "The limit is 256 KiB; a declaration that large belongs in the repository by git.",
});

export const wrongMedia = defineError({
  code: "NEB604",
  status: 415,
  title: "The body has another media type",
  retry: false,
  hint: "Send content-type application/json.",
});

export const tooManyRequests = defineError({
  code: "NEB605",
  status: 429,
  title: "Too many requests",
  retry: true,
  hint: "Wait for the seconds in Retry-After; the RateLimit header shows what is left.",
});

export const matchRequired = defineError({
  code: "NEB606",
  status: 428,
  title: "If-Match is required",
  retry: false,
  hint: "Send the ETag of the version you read in If-Match, or `If-Match: *` to change whatever is there.",
});

export const matchFailed = defineError({
  code: "NEB607",
  status: 412,
  title: "Changed since you read it",
  retry: false,
  hint: "Read it again, decide on what it says now, and send its new ETag in If-Match.",
});

export const keyReused = defineError({
  code: "NEB608",
  status: 422,
  title: "Idempotency-Key was used for another request",
  retry: false,
  hint: "Use a new key for a new request; the same key is for repeating the same one.",
});

export const keyRunning = defineError({
  code: "NEB609",
  status: 409,
  title: "The same request is being worked on",
  retry: true,
  hint: "Wait for Retry-After and repeat the request with the same key: you get the first one's answer.",
});

export const badCursor = defineError({
  code: "NEB610",
  status: 422,
  title: "The cursor does not belong here",
  retry: false,
  hint: "Use `nextCursor` of the page before, with the same filters, or none to begin again.",
});

export const keyNotTaken = defineError({
  code: "NEB611",
  status: 422,
  title: "This route takes no Idempotency-Key",
  retry: false,
  hint: "Its answer holds a secret that is shown once and never stored; send the request without the key.",
});

export const wrongState = defineError({
  code: "NEB612",
  status: 409,
  title: "Not possible in this state",
  retry: false,
  hint: "Look at its state first; the message says which one is needed.",
});

export const alreadyThere = defineError({
  code: "NEB613",
  status: 409,
  title: "Nothing to change",
  retry: false,
  hint: "The declaration says this already; read it again if you expected something else.",
});

export const noCredentials = defineError({
  code: "NEB614",
  status: 409,
  title: "No credentials yet",
  retry: true,
  hint: "They exist once the database is ready: follow its operation, then ask again.",
});

export const noRepository = defineError({
  code: "NEB615",
  status: 503,
  title: "No tenant repository",
  retry: true,
  hint: "The platform has not finished its first start, or no repository is connected; see the portal's log.",
});

export const repositoryRefused = defineError({
  code: "NEB616",
  status: 502,
  title: "The forge refused the change",
  retry: true,
  hint: "Try again; if it persists, check the portal's bot token and the branch protection of the repository.",
});

export const appNotInstalled = defineError({
  code: "NEB692",
  status: 409,
  title: "The GitHub App is not installed on this repository",
  retry: false,
  hint: "Install the App on the repository's owner and give it this repository; then add it again.",
});

export const noAppGiven = defineError({
  code: "NEB693",
  status: 422,
  title: "No GitHub App to connect with",
  retry: false,
  hint: "Name an App (--app-id, --private-key-file), or give this installation one: NEBULA_GITHUB_APP_ID and NEBULA_GITHUB_APP_KEY_FILE. docs/github.md shows how to make it.",
});

export const mergeRefused = defineError({
  code: "NEB617",
  status: 409,
  title: "The pull request cannot be merged",
  retry: false,
  hint: "See its checks (`nebula pr show`): all required ones must have passed for the commit you name.",
});

export const nothingToHeal = defineError({
  code: "NEB403",
  status: 409,
  title: "Nothing to heal",
  retry: false,
  hint: "`nebula drift show` says what differs, and what only a person may decide.",
});

export const noUsage = defineError({
  code: "NEB618",
  status: 409,
  title: "No price book yet",
  retry: true,
  hint: "The price book is read from fleet/ in the repository when the reconciler has seen its first commit.",
});

export const noSuchRoute = defineError({
  code: "NEB619",
  status: 404,
  title: "No such route",
  retry: false,
  hint: "See /docs for the routes of this API.",
});

export const portTaken = defineError({
  code: "NEB620",
  status: 500,
  title: "Port in use",
  retry: false,
  hint: "Stop what listens there, or start with another --port.",
});

export const urlTooLong = defineError({
  code: "NEB621",
  status: 414,
  title: "The address is too long",
  retry: false,
  hint: "The limit is 8 KiB; page with `limit` and `cursor`, and send long values in a body.",
});

export const headersTooLarge = defineError({
  code: "NEB622",
  status: 431,
  title: "The headers are too large",
  retry: false,
  hint: "The limit is 16 KiB for all of them together.",
});

export const requestTooSlow = defineError({
  code: "NEB623",
  status: 408,
  title: "The request came too slowly",
  retry: true,
  hint: "Headers must be here within 10 seconds and the whole request within 30.",
});

export const crossSite = defineError({
  code: "NEB624",
  status: 403,
  title: "Not from a page of this origin",
  retry: false,
  hint: "Send an Authorization header, or name the page's origin in NEBULA_CORS_ORIGINS.",
});

export const tooManyAtOnce = defineError({
  code: "NEB625",
  status: 429,
  title: "Too many requests at once",
  retry: true,
  hint: "Wait until some of your requests have been answered; open fewer streams.",
});

export const malformed = defineError({
  code: "NEB626",
  status: 400,
  title: "Not an HTTP request",
  retry: false,
  hint: "What came is not HTTP/1.1 as this server reads it.",
});

export const notReady = defineError({
  code: "NEB627",
  status: 503,
  title: "Not ready",
  retry: true,
  hint: "`reasons` says why; another replica may be ready.",
});

export const queueFull = defineError({
  code: "NEB741",
  status: 429,
  title: "Too much of this tenant is under way",
  retry: true,
  hint: "Wait for the seconds in Retry-After. `nebula ops list` shows what is open; merge or close pull requests that wait.",
});

/** One thing wrong with a request: `path` is where, in the notation of the body (`compute.max`, `query.limit`). */
export type FieldProblem = {
  readonly path: string;
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
};

/** Every problem of a request in one answer. */
export function requestProblems(problems: readonly FieldProblem[]): NebulaError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const where = first === undefined || first.path === "" ? "the request" : first.path;
  const what = first?.message ?? "does not fit";
  // What is said of an option names it already, for it stands alone in a review.
  return badRequest(`${what.startsWith(asOption(where)) ? what : `${where}: ${what}`}${more}`, {
    fields: { errors: problems },
    ...(problems.length === 1 && first?.hint !== undefined ? { hint: first.hint } : {}),
  });
}

/** `roles.0.name` as messages have it: `roles[0].name`. */
const asOption = (path: string): string => path.replaceAll(/\.(\d+)(?=\.|$)/g, "[$1]");

/** Problems of declared options, in the terms of the body that brought them. */
export const optionProblems = (problems: readonly SpecProblem[]): NebulaError =>
  requestProblems(problems.map(({ path, message, code, hint }) => ({ path: path.join("."), message, code, hint })));

export const sqlUnavailable = defineError({
  code: "NEB789",
  status: 503,
  title: "SQL cannot be run now",
  retry: true,
  hint: "The gateway runs it, and does not answer; `nebula status` shows whether it runs. What was sent before may have been done: look before you run it again.",
});
