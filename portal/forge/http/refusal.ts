/** What GitHub says no with. `errors` is its list of field problems. */
export type FieldProblem = {
  readonly resource: string;
  readonly field: string;
  readonly code: "missing" | "missing_field" | "invalid" | "already_exists" | "unprocessable" | "custom";
  readonly message?: string;
};

/** Thrown by a handler, answered by the frame. An expected ending of a request, never a fault. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly errors: readonly (FieldProblem | string)[];

  constructor(status: number, message: string, errors: readonly (FieldProblem | string)[] = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }

  toBody(): Record<string, unknown> {
    return {
      message: this.message,
      ...(this.errors.length === 0 ? {} : { errors: this.errors }),
      documentation_url: "https://docs.github.com/rest",
      status: String(this.status),
    };
  }
}

/** Also the answer for what the caller may not see. */
export const notFound = () => new Refusal(404, "Not Found");
export const badCredentials = () => new Refusal(401, "Bad credentials");
export const requiresAuthentication = () => new Refusal(401, "Requires authentication");
export const forbidden = (message: string) => new Refusal(403, message);
export const conflict = (message: string) => new Refusal(409, message);
export const notAllowed = (message: string) => new Refusal(405, message);
export const unprocessable = (message: string) => new Refusal(422, message);

export function invalid(
  resource: string,
  field: string,
  code: FieldProblem["code"] = "invalid",
  message?: string,
): Refusal {
  const problem: FieldProblem = message === undefined ? { resource, field, code } : { resource, field, code, message };
  return new Refusal(422, "Validation Failed", [problem]);
}
