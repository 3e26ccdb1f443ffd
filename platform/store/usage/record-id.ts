import { createHash } from "node:crypto";

/** What a record is of. No two have the same: it is their key in the ledger. */
export type RecordKey = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: Date;
  readonly revision: number;
  readonly commits: readonly string[];
};

/**
 * A record's name outside: made of what it is of and of nothing else, so that whoever is told of it twice, or of a copy of the ledger's,
 * sees the same name.
 */
export function recordId(key: RecordKey): string {
  const { tenant, project, database, meter, windowStart, revision, commits } = key;
  const text = JSON.stringify([tenant, project, database, meter, windowStart.toISOString(), revision, commits]);
  return `use_${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
}
