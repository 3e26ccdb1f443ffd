import { defineError, internalError, NebulaError } from "../core/index.ts";

export const ledgerUnavailable = defineError({
  code: "NEB910",
  status: 503,
  title: "Database server unavailable",
  retry: true,
  hint: "Try again in a moment; `nebula status` shows whether the ledger is running.",
});

export const uniqueConflict = defineError({
  code: "NEB911",
  status: 409,
  title: "Already exists",
  retry: false,
  hint: "Something with the same key was written before; read it again and decide on what it says now.",
});

export const serializationFailed = defineError({
  code: "NEB912",
  status: 503,
  title: "Transaction collided with another one",
  retry: true,
  hint: "Run the transaction again.",
});

export const statementTimedOut = defineError({
  code: "NEB913",
  status: 504,
  title: "Statement took too long",
  retry: true,
  hint: "Try again; if it persists, look for a lock that is not released.",
});

export const authenticationRefused = defineError({
  code: "NEB914",
  status: 502,
  title: "Database server refused the login",
  retry: false,
  hint: "Check user, password and the address that connects against the server's allow-list.",
});

export const storageExhausted = defineError({
  code: "NEB915",
  status: 507,
  title: "Database server has no space left",
  retry: true,
  hint: "Free space on the disk that holds the data folder, then try again.",
});

/** The five-letter SQLSTATE of what Postgres answered, also through the translation. */
export function sqlState(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { code, cause } = thrown as { code?: unknown; cause?: unknown };
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !(thrown instanceof NebulaError)) return code;
  return cause === undefined ? undefined : sqlState(cause);
}

/** What the server said of a statement that it refused, with the character of the statement where it stands, from 1. */
export type ServerWords = {
  readonly state: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly position: number | null;
};

/** For whoever shows it beside the statement's text; undefined when it was no refusal of the server's. */
export function serverWords(thrown: unknown): ServerWords | undefined {
  const state = sqlState(thrown);
  if (state === undefined) return undefined;
  let said = thrown as { readonly cause?: unknown };
  while (said instanceof NebulaError && typeof said.cause === "object" && said.cause !== null) said = said.cause;
  const { message, detail, hint, position } = said as Readonly<Record<string, unknown>>;
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return {
    ...{ state, message: text(message) ?? "", detail: text(detail), hint: text(hint) },
    position: text(position) === null ? null : Number(position),
  };
}

export const isUnavailable = (thrown: unknown): boolean =>
  thrown instanceof NebulaError && thrown.code === ledgerUnavailable.definition.code;

/** Whatever `pg` or the socket under it threw, as a coded fault. The one place that reads their codes and messages. */
export function translate(thrown: unknown): NebulaError {
  if (thrown instanceof NebulaError) return thrown;
  const message = describe(thrown);
  const state = sqlState(thrown);
  if (state !== undefined) return ofState(state, message, thrown);
  if (isConnectionLoss(thrown))
    return ledgerUnavailable(`the database server cannot be reached: ${message}`, { cause: thrown });
  return internalError(message, { cause: thrown });
}

function ofState(state: string, message: string, cause: unknown): NebulaError {
  if (state === "23505") {
    const { constraint } = cause as { constraint?: string };
    return uniqueConflict(message, { cause, fields: constraint === undefined ? {} : { constraint } });
  }
  if (state === "40001" || state === "40P01") return serializationFailed(message, { cause });
  if (state === "57014" || state === "55P03" || state === "25P03") return statementTimedOut(message, { cause });
  if (state === "53100") return storageExhausted(message, { cause });
  if (state.startsWith("28")) return authenticationRefused(message, { cause });
  if (state.startsWith("08") || state.startsWith("57P") || state === "53300")
    return ledgerUnavailable(message, { cause });
  return internalError(`${message} (SQLSTATE ${state})`, { cause });
}

const socketCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** `pg` names its own connection losses only by message. */
const lossMessages = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "timeout expired",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
  "Cannot use a pool after calling end on the pool",
];

function isConnectionLoss(thrown: unknown): boolean {
  if (thrown instanceof AggregateError) return thrown.errors.every(isConnectionLoss);
  if (!(thrown instanceof Error)) return false;
  const { code } = thrown as { code?: unknown };
  if (typeof code === "string" && socketCodes.has(code)) return true;
  return lossMessages.some((text) => thrown.message.startsWith(text));
}

function describe(thrown: unknown): string {
  if (thrown instanceof AggregateError) return thrown.errors.map(describe).join("; ");
  return thrown instanceof Error ? thrown.message : String(thrown);
}
