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

/** Of the catalogue of errors (docs/errors.md), for what a command refuses before it asks anybody. */
const ownCodes: Readonly<Record<number, string>> = { [exitCodes.usage]: "NEB601", [exitCodes.notFound]: "NEB602" };

/**
 * What a command ends with when it does not succeed: a sentence, what to do, and the exit code (see `exitCodes`). `code`: of the
 * catalogue, or a SQLSTATE; left out, it follows from the exit code where the catalogue has one.
 */
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
    this.code = "code" in detail ? detail.code : ownCodes[this.exitCode];
  }
}

/** A problem document (RFC 9457) as the failure of a command: every option that does not fit has its code and its own advice. */
export function fromProblem(status: number, problem: Record<string, unknown>): CommandFailure {
  const code = typeof problem.code === "string" ? problem.code : undefined;
  const detail = String(problem.detail ?? problem.title ?? `the server answered ${status}`);
  const fields = Array.isArray(problem.errors) ? problem.errors.flatMap(readField) : [];
  return new CommandFailure(fields.length === 0 ? detail : describeFields(fields, detail, code), {
    exitCode: exitCodeOf(status, code),
    hint: hintOf(fields, typeof problem.hint === "string" ? problem.hint : undefined, code),
    code,
  });
}

type Field = {
  readonly says: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly hint: string | undefined;
};

function readField(field: unknown): readonly Field[] {
  if (typeof field !== "object" || field === null) return [];
  const { path, message, code, hint } = field as Readonly<Record<string, unknown>>;
  const [where, what] = [Array.isArray(path) ? path.join(".") : String(path ?? ""), String(message ?? "")];
  const says = where === "" || what.startsWith(asOption(where)) ? what : `${where}: ${what}`;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return [{ says, message: what, code: text(code), hint: text(hint) }];
}

/** What the detail says already is not said again; of several each has a line, and its advice below it. */
function describeFields(fields: readonly Field[], detail: string, code: string | undefined): string {
  const withCode = (text: string, field: Field) =>
    field.code === undefined || field.code === code ? text : `${text} (${field.code})`;
  const [first] = fields;
  const isSaid = first !== undefined && detail.includes(first.message);
  if (first !== undefined && fields.length === 1 && isSaid) return withCode(detail, first);
  const lines = fields.map((field) => {
    const advice = fields.length === 1 || field.hint === undefined ? "" : `\n    ${field.hint}`;
    return `\n  ${withCode(field.says, field)}${advice}`;
  });
  return `${isSaid ? `${fields.length} things do not fit:` : detail}${lines.join("")}`;
}

/** What NEB601 says of itself is said to programs: of the answer's fields, and where the API's reference is. */
function hintOf(fields: readonly Field[], hint: string | undefined, code: string | undefined): string | undefined {
  const [only] = fields;
  if (only !== undefined && fields.length === 1 && only.hint !== undefined) return only.hint;
  if (only === undefined || code !== ownCodes[exitCodes.usage]) return hint;
  return fields.every((field) => field.hint !== undefined) ? undefined : "Its --help says what each option takes.";
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
