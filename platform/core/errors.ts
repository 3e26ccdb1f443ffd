/**
 * Coded faults. Expected endings are values; everything else is a `NebulaError` with a code that never changes meaning.
 *
 * 1. A code is defined once, in the room that owns it, and is never reused after it is retired.
 * 2. Ranges: NEB1xx declaration, 2xx plan, 3xx deploy, 4xx observe, 5xx usage, 6xx portal, 7xx gateway, 9xx internal.
 * 3. The message says where and what is wrong; the hint says what to do. Neither holds a secret.
 */
export type ErrorDefinition = {
  readonly code: `NEB${number}`;
  /** HTTP status when it reaches an API. */
  readonly status: number;
  /** Short, the same for every occurrence. */
  readonly title: string;
  /** Whether trying the same again can succeed without anybody changing anything. */
  readonly retry: boolean;
  /** What the reader can do about it. */
  readonly hint: string;
};

export type FaultDetail = {
  readonly cause?: unknown;
  /** Replaces the definition's hint where this occurrence knows better. */
  readonly hint?: string;
  /** Extra members of the problem document; must be safe to show. */
  readonly fields?: Readonly<Record<string, unknown>>;
};

export class NebulaError extends Error {
  override readonly name = "NebulaError";
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly retry: boolean;
  readonly hint: string;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(definition: ErrorDefinition, message: string, detail: FaultDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = definition.code;
    this.status = definition.status;
    this.title = definition.title;
    this.retry = definition.retry;
    this.hint = detail.hint ?? definition.hint;
    this.fields = detail.fields ?? {};
  }
}

export type Fault = ((message: string, detail?: FaultDetail) => NebulaError) & { readonly definition: ErrorDefinition };

const registry = new Map<string, ErrorDefinition>();

/**
 * Defines a fault and returns its factory: `throw portTaken("port 4400 is in use")`.
 * @throws Error when the code was defined before: two rooms claim one code.
 */
export function defineError(definition: ErrorDefinition): Fault {
  if (registry.has(definition.code)) throw new Error(`error code ${definition.code} is defined twice`);
  registry.set(definition.code, definition);
  const make = (message: string, detail?: FaultDetail) => new NebulaError(definition, message, detail);
  return Object.assign(make, { definition });
}

/** Every code defined so far in this process, sorted. The documentation generator reads it. */
export function definedErrors(): readonly ErrorDefinition[] {
  return [...registry.values()].sort((a, b) => a.code.localeCompare(b.code));
}

export const internalError = defineError({
  code: "NEB900",
  status: 500,
  title: "Internal error",
  retry: false,
  hint: "This is a defect in NebulaDB. Report it with the request or operation id.",
});

/** Any thrown value as a `NebulaError`; unknown ones become NEB900 with the cause kept for the log. */
export function asNebulaError(thrown: unknown): NebulaError {
  if (thrown instanceof NebulaError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return internalError(message, { cause: thrown });
}

/** RFC 9457 problem document. `instance` is the request or operation id. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly hint: string;
  readonly instance?: string;
  readonly [member: string]: unknown;
};

/** The problem document of an error. A 5xx of ours says no more than its title: the cause stays in the log. */
export function toProblem(error: NebulaError, instance?: string): Problem {
  return {
    ...error.fields,
    type: `https://nebuladb.dev/errors/${error.code}`,
    title: error.title,
    status: error.status,
    detail: error.code === internalError.definition.code ? error.title : error.message,
    code: error.code,
    hint: error.hint,
    ...(instance === undefined ? {} : { instance }),
  };
}
