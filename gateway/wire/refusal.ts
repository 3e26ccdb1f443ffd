/** Why a client is not let in, as Postgres would say it: an SQLSTATE, a sentence, and what to do. Pure. */
import type { NebulaError } from "../../platform/core/index.ts";
import { errorResponse } from "./protocol.ts";

/** Label of metrics: bounded. */
export type RefusalReason =
  | "protocol"
  | "tls"
  | "routing"
  | "password"
  | "unsupported"
  | "limits"
  | "unavailable"
  | "server"
  | "timeout"
  | "shutdown";

export type Refusal = {
  readonly reason: RefusalReason;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
};

/** Thrown inside the handshake and caught at its one end (`session.ts`). */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

export function toErrorResponse({ code, message, detail, hint }: Refusal): Buffer {
  const fields = new Map([
    ["S", "FATAL"],
    ["V", "FATAL"],
    ["C", code],
    ["M", message],
  ]);
  if (detail !== undefined) fields.set("D", detail);
  if (hint !== undefined) fields.set("H", hint);
  return errorResponse(fields);
}

export const protocolViolation = (message: string): Refusal => ({ reason: "protocol", code: "08P01", message });

/**
 * One answer for a wrong password, an unknown role, an unknown or deleted database and an address outside the allow-list: who
 * cannot sign in learns nothing of what is there.
 */
export const signInRefused = (user: string, address: string): Refusal => ({
  reason: "password",
  code: "28P01",
  message: `password authentication failed for user "${user}"`,
  hint: `Check the user, the password, and the database's name (tenant.project.database); \`nebula db url\` prints them. A deleted database answers the same, and so does one whose allowFrom does not hold your address (${address}).`,
});

export const passwordReplaced = (user: string): Refusal => ({
  reason: "password",
  code: "28P01",
  message: `password authentication failed for user "${user}"`,
  detail: "The password was replaced at this moment.",
  hint: "Connect again, with the new password.",
});

export const databaseUnknown = (asked: string, own: string): Refusal => ({
  reason: "routing",
  code: "3D000",
  message: `database "${asked}" does not exist`,
  hint: `This endpoint has one database: "${own}".`,
});

export const branchExpired = ({ message, hint }: NebulaError): Refusal => ({
  reason: "routing",
  code: "3D000",
  message,
  hint,
});

export const notRouted = (asked: string): Refusal => ({
  reason: "routing",
  code: "3D000",
  message: `"${asked}" names no database here`,
  hint: "Name it as tenant.project.database in place of the database, by its own host name, or by options=endpoint=<endpoint>; `nebula db url` prints an address that does.",
});

export const routesDisagree = (one: string, other: string): Refusal => ({
  reason: "routing",
  code: "3D000",
  message: `the connection names two databases: ${one} and ${other}`,
  hint: "Leave one of them out: the host name, options=endpoint=..., or the database's name.",
});

export const replicationRefused: Refusal = {
  reason: "unsupported",
  code: "0A000",
  message: "replication connections are not served",
  detail:
    "A replication slot would keep the database awake and its log for ever, and a base backup holds every role's password.",
  hint: "For a copy use pg_dump, a branch or a restore; for changes use LISTEN and triggers.",
};

export const tlsRequired = (address: string): Refusal => ({
  reason: "tls",
  code: "28000",
  message: `connections from ${address} must use TLS`,
  hint: "Add sslmode=verify-full and sslrootcert=<the platform's ca.pem>; `nebula db url` prints both.",
});

export const tooManySessions = (limit: number): Refusal => ({
  reason: "limits",
  code: "53300",
  message: "sorry, too many clients already",
  detail: `The database's limit is ${limit} connections.`,
  hint: "Close sessions that are not used, connect to the pooled endpoint, or raise connections.max in the declaration.",
});

export const tooManyAtOnce = (limit: number): Refusal => ({
  reason: "limits",
  code: "53300",
  message: "too many new connections in this second",
  detail: `The database's limit is ${limit} new connections a second.`,
  hint: "Keep sessions open, connect to the pooled endpoint, or raise connections.perSecond in the declaration.",
});

export const gatewayFull = (detail: string): Refusal => ({
  reason: "limits",
  code: "53300",
  message: "the gateway takes no more connections now",
  detail,
  hint: "Try again in a moment; keep sessions open instead of opening many.",
});

export const tooManyFailures: Refusal = {
  reason: "limits",
  code: "28000",
  message: "too many failed sign-ins from this address",
  hint: "Wait a minute, then try again with the right password.",
};

export const handshakeTooSlow: Refusal = {
  reason: "timeout",
  code: "57014",
  message: "canceling authentication due to timeout",
};

export const goingDown: Refusal = {
  reason: "shutdown",
  code: "57P01",
  message: "terminating connection: the gateway restarts",
  hint: "Connect again.",
};

/** Whatever keeps an instance from serving now. */
export const notServing = (message: string, hint?: string): Refusal => ({
  reason: "unavailable",
  code: "57P03",
  message,
  ...(hint === undefined ? {} : { hint }),
});
