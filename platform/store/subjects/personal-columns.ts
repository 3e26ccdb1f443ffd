/**
 * Where the ledger names people, beside the audit (which knows them by pseudonym). What a person is told that we hold of them, and
 * what an erasure takes away, is made of this list; a test holds it against the schema.
 */
export type PersonalColumn = {
  readonly table: string;
  readonly column: string;
  /** `person`: their e-mail or user name. `user`: the id of their account. `counted`: a word, a colon and the name. */
  readonly holds: "person" | "user" | "counted";
  /** `delete` the row, or put the pseudonym in place of the name where the row is somebody else's record too. */
  readonly erasure: "delete" | "replace";
};

const person = (table: string, column: string, erasure: PersonalColumn["erasure"]): PersonalColumn => ({
  table,
  column,
  holds: "person",
  erasure,
});
/** The limiter counts by the subject's name: `user:<name>`. */
const counted: PersonalColumn = { table: "rate_windows", column: "key", holds: "counted", erasure: "delete" };
const account = (table: string, column: string): PersonalColumn => ({
  table,
  column,
  holds: "user",
  erasure: "delete",
});

/** Rows that point at others come first: what deletes with the account is deleted before it, and counted. */
export const personalColumns: readonly PersonalColumn[] = [
  account("user_identities", "user_id"),
  account("passkeys", "user_id"),
  account("totp_factors", "user_id"),
  account("recovery_codes", "user_id"),
  account("sessions", "user_id"),
  account("sign_in_challenges", "user_id"),
  account("email_tokens", "user_id"),
  account("principals", "owner"),
  person("email_tokens", "email", "delete"),
  person("mail_jobs", "email", "delete"),
  person("principals", "user_name", "delete"),
  person("users", "email", "delete"),
  person("sql_history", "person", "delete"),
  person("sql_queries", "owner", "delete"),
  person("principals", "made_by", "replace"),
  person("service_accounts", "created_by", "replace"),
  person("incident_updates", "declared_by", "replace"),
  person("operations", "requested_by", "replace"),
  person("pulls", "requested_by", "replace"),
  person("proposals", "requested_by", "replace"),
  person("approvals", "approved_by", "replace"),
  person("credits", "granted_by", "replace"),
  person("holds", "lifted_by", "replace"),
  counted,
];

/** Columns that sound personal and are not: a table and column, and why. */
export const notPersonal: Readonly<Record<string, string>> = {
  "audit_before.actor": "moved into the chain at the next start",
  "audit_before.address": "moved into the chain at the next start",
  "audit_before.user_agent": "moved into the chain at the next start",
  "users.email_verified_at": "goes with the account",
  "user_identities.login": "goes with the account",
  "sessions.address": "goes with the account",
  "sessions.user_agent": "goes with the account",
  "repositories.owner": "an organisation of the Git host",
  "drift_orphans.owner": "an installation",
  "invoices.reversed_by": "the credit note that reverses it",
  "replicas.address": "where a process of ours serves",
  "idempotency_keys.principal": "the public id of a key; expires within a day",
};
