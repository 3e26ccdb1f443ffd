import { notify, type Sql } from "../../sql/index.ts";

/** Payload: nothing. Every process reads the keys again. */
export const signingKeysChanged = "signing_keys_changed";

export type SigningKeyRow = {
  readonly id: string;
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** null: it verifies what it signed, and signs nothing more. */
  readonly privateSealed: string | null;
  readonly createdAt: Date;
};

export const signingKeyContext = (id: string): string => `signing-key:${id}`;

/** Every key that still verifies; the one that signs first. */
export const listSigningKeys = (sql: Sql): Promise<readonly SigningKeyRow[]> =>
  sql.query<SigningKeyRow>(
    `select id, public_jwk as "publicJwk", private_sealed as "privateSealed", created_at as "createdAt"
     from signing_keys where verifies_until is null or verifies_until > now()
     order by retired_at is null desc, created_at desc`,
  );

/**
 * Makes `key` the one that signs. The one before loses its private half and verifies for `overlapSeconds` more.
 * With `onlyFirst` nothing happens when there is one already: of several processes that start, one wins.
 */
export const putSigningKey = (
  sql: Sql,
  key: Pick<SigningKeyRow, "id" | "publicJwk" | "privateSealed">,
  { overlapSeconds, onlyFirst = false }: { readonly overlapSeconds: number; readonly onlyFirst?: boolean },
): Promise<boolean> =>
  sql.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb signing keys'))");
    const current = await tx.query("select id from signing_keys where retired_at is null");
    if (onlyFirst && current.length > 0) return false;
    await tx.query(
      `update signing_keys set private_sealed = null, retired_at = now(),
         verifies_until = now() + make_interval(secs => $1)
       where retired_at is null`,
      [overlapSeconds],
    );
    await tx.query("insert into signing_keys (id, public_jwk, private_sealed) values ($1, $2::jsonb, $3)", [
      key.id,
      JSON.stringify(key.publicJwk),
      key.privateSealed,
    ]);
    await notify(tx, signingKeysChanged);
    return true;
  });
