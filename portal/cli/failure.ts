/** 0 ok, 1 error, 2 usage, 3 not allowed, 4 not found, 5 conflict, 6 quota, 7 time-out. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  auth: 3,
  notFound: 4,
  conflict: 5,
  quota: 6,
  timeout: 7,
} as const;

/** What a command ends with when it does not succeed: a sentence, what to do, and the exit code (see `exitCodes`). */
export class CommandFailure extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly code: string | undefined;

  constructor(
    message: string,
    detail: { exitCode?: number; hint?: string | undefined; code?: string | undefined } = {},
  ) {
    super(message);
    this.exitCode = detail.exitCode ?? exitCodes.error;
    this.hint = detail.hint;
    this.code = detail.code;
  }
}

/** A problem document (RFC 9457) as the failure of a command. */
export function fromProblem(status: number, problem: Record<string, unknown>): CommandFailure {
  const code = typeof problem.code === "string" ? problem.code : undefined;
  const detail = String(problem.detail ?? problem.title ?? `the server answered ${status}`);
  const fields = Array.isArray(problem.errors)
    ? problem.errors.map((field) => describeField(field, detail)).join("")
    : "";
  return new CommandFailure(`${detail}${fields}`, {
    exitCode: exitCodeOf(status, code),
    hint: typeof problem.hint === "string" ? problem.hint : undefined,
    code,
  });
}

/** What the detail says already - as a rule the first of them - is not said again. */
function describeField(field: unknown, detail: string): string {
  if (typeof field !== "object" || field === null) return "";
  const { path, message } = field as { path?: unknown; message?: unknown };
  const [where, what] = [Array.isArray(path) ? path.join(".") : String(path ?? ""), String(message ?? "")];
  if (detail.includes(what)) return "";
  return `\n  ${what.startsWith(asOption(where)) ? what : `${where}: ${what}`}`;
}

/** `roles.0.name` as messages have it: `roles[0].name`. */
const asOption = (path: string): string => path.replaceAll(/\.(\d+)(?=\.|$)/g, "[$1]");

function exitCodeOf(status: number, code: string | undefined): number {
  if (code === "NEB200") return exitCodes.quota;
  if (status === 400 || status === 422) return exitCodes.usage;
  if (status === 401 || status === 403) return exitCodes.auth;
  if (status === 404) return exitCodes.notFound;
  if (status === 409 || status === 412 || status === 428) return exitCodes.conflict;
  if (status === 408 || status === 504) return exitCodes.timeout;
  return exitCodes.error;
}
