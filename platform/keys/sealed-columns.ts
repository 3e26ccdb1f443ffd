/**
 * Every place of a database where something sealed stands: what a rotation of the keys must seal anew. A test compares it with
 * the columns named `..._sealed`, so a new one cannot be forgotten.
 */
export type SealedColumn = {
  readonly table: string;
  /** The sealed text: a column, or an expression over `put`. */
  readonly column: string;
  /** SQL for the vault context of a row. */
  readonly context: string;
  /** SQL that puts sealed text ($1) in place, where it is not the column itself. */
  readonly put?: string;
  /** Which rows hold one, where not all do. */
  readonly where?: string;
};

const ofRepository = (column: string, field: string): SealedColumn => ({
  table: "repositories",
  column,
  context: `'repository:' || id || ':${field}'`,
});

export const ledgerColumns: readonly SealedColumn[] = [
  ofRepository("app_key_sealed", "app-key"),
  ofRepository("hook_secret_sealed", "hook-secret"),
  ofRepository("hook_secret_old_sealed", "hook-secret"),
  ofRepository("bot_token_sealed", "bot-token"),
  { table: "credentials", column: "password_sealed", context: "'credential:' || instance || ':' || role" },
  { table: "secrets", column: "value_sealed", context: "'secret:' || tenant || ':' || name" },
  { table: "subjects", column: "key_sealed", context: "'subject:' || id" },
  { table: "totp_factors", column: "secret_sealed", context: "'totp:' || user_id" },
  { table: "signing_keys", column: "private_sealed", context: "'signing-key:' || id" },
  // A setting that is one sealed text, for example the administrator's Git token: its key is the context.
  {
    table: "settings",
    column: "value #>> '{}'",
    context: "key",
    put: "value = to_jsonb($1::text)",
    where: "jsonb_typeof(value) = 'string' and value #>> '{}' ~ '^v[12]:'",
  },
];

/** Of the embedded forge's own database. */
export const forgeColumns: readonly SealedColumn[] = [
  { table: "hooks", column: "secret_sealed", context: "'forge-hook'" },
];
