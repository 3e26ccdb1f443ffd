import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { type Clock, Secret } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import type { KeyRing } from "./key-ring.ts";

/** Who may run SQL where, as the portal tells the gateway: for one request, within a minute. gateway/statements reads it. */
export type SqlGrant = {
  readonly user: string;
  readonly database: DatabaseId;
  readonly level: "read" | "write";
};

const lifeSeconds = 60;

export async function signSqlToken(
  { keys, clock }: { readonly keys: Pick<KeyRing, "signer">; readonly clock: Clock },
  { user, database, level }: SqlGrant,
): Promise<Secret> {
  const { id, key } = await keys.signer();
  const nowSeconds = Math.floor(clock.now() / 1000);
  const token = await new SignJWT({ db: database, level })
    .setProtectedHeader({ alg: "EdDSA", kid: id, typ: "nebula-sql+jwt" })
    .setAudience("nebula-gateway")
    .setSubject(user)
    .setJti(randomUUID())
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + lifeSeconds)
    .sign(key);
  return new Secret(token);
}
