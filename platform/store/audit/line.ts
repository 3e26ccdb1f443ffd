import { createHash } from "node:crypto";

/** What a room says about something that was done. */
export type NewAuditLog = {
  /** Who: the e-mail or name of the person or service. Kept encrypted under a key of their own. */
  readonly actor: string;
  /** Public id of what they acted with: a key, a session, a user. */
  readonly actorId?: string | null;
  /** The operation id of the route, for example `databases.create`. */
  readonly action: string;
  /** What it was done to, for example `shop/store/orders`. Names of people in it are kept as pseudonyms. */
  readonly resource: string;
  /** People whom `resource` or `details` name, beside those whose e-mail is seen there. */
  readonly people?: readonly string[];
  readonly tenant: string | null;
  readonly project: string | null;
  readonly address: string | null;
  readonly userAgent: string | null;
  /** Safe to show: never a secret, never a whole body. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly result: "accepted" | "refused" | "failed";
  readonly operation: string | null;
  readonly commit: string | null;
};

/** A line as it is read back. */
export type AuditLog = Omit<NewAuditLog, "actorId" | "people"> & {
  readonly id: number;
  readonly at: Date;
  readonly actorId: string | null;
  /** The pseudonym under which the chain knows the actor; stays when the actor is erased. */
  readonly subject: string;
};

/** What was encrypted for one person. */
export type Who = Pick<NewAuditLog, "actor" | "address" | "userAgent"> & { readonly actorId: string | null };

/** What stands in place of somebody who was erased. */
export const erased: Who = { actor: "(erased)", actorId: null, address: null, userAgent: null };

/** A row as the chain holds it. */
export type ChainLine = {
  readonly seq: number;
  /** RFC 3339, milliseconds. */
  readonly at: string;
  readonly subject: string;
  readonly personal: string;
  readonly action: string;
  readonly resource: string;
  readonly tenant: string | null;
  readonly project: string | null;
  /** JSON, byte for byte. */
  readonly details: string;
  readonly result: string;
  readonly operation: string | null;
  readonly commit: string | null;
  /** Hex. */
  readonly hash: string;
};

/** The columns of a `ChainLine` in SQL. */
export const chainColumns = `seq, audit_time(at) as at, subject, personal, action, resource, tenant, project,
  details::text as details, result, operation, commit, encode(hash, 'hex') as hash`;

const fields = ["seq", "at", "subject", "personal", "action", "resource"] as const;
const more = ["tenant", "project", "details", "result", "operation", "commit"] as const;

/** The bytes that are hashed: the fields in order, as netstrings with commas between; "-" for what is not there. */
export const canonical = (line: ChainLine): string =>
  [...fields, ...more].map((field) => netstring(line[field])).join(",");

const netstring = (value: string | number | null): string =>
  value === null ? "-" : `${Buffer.byteLength(String(value))}:${value}`;

/** Hash of the line before the first. */
export const genesis = "0".repeat(64);

export const hashAfter = (previous: string, line: ChainLine): string =>
  createHash("sha256").update(Buffer.from(previous, "hex")).update(canonical(line)).digest("hex");
