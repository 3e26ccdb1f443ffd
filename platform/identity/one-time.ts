import type { Secret } from "../core/index.ts";
import type { Sql } from "../sql/index.ts";
import {
  type Challenge,
  type EmailToken,
  type EmailTokenPurpose,
  findEmailToken,
  insertChallenge,
  insertEmailToken,
  type NewEmailToken,
  tryChallenge,
} from "../store/index.ts";
import { makeOpaque, parseOpaque } from "./opaque.ts";
import { sameHash } from "./token.ts";

/** Tokens that open one thing once: what a mail brings (`nde_...`), and a sign-in that is half done (`ndm_...`). */
export async function issueEmailToken(sql: Sql, token: Omit<NewEmailToken, "id" | "secretHash">): Promise<Secret> {
  const { id, text, hash } = makeOpaque("nde");
  await insertEmailToken(sql, { ...token, id, secretHash: hash });
  return text;
}

/** The token while it is good for one of these purposes; `spendEmailToken` uses it up. */
export async function readEmailToken(
  sql: Sql,
  text: string,
  purposes: readonly EmailTokenPurpose[],
): Promise<EmailToken | undefined> {
  const given = parseOpaque("nde", text);
  const found = given && (await findEmailToken(sql, given.id));
  if (given === undefined || found === undefined || !sameHash(found.secretHash, given.hash)) return undefined;
  return purposes.includes(found.purpose) ? found : undefined;
}

export type NewChallenge = Pick<Challenge, "kind" | "userId" | "details"> & { readonly lifetimeSeconds: number };

export async function issueChallenge(sql: Sql, challenge: NewChallenge): Promise<Secret> {
  const { id, text, hash } = makeOpaque("ndm");
  await insertChallenge(sql, { ...challenge, id, secretHash: hash });
  return text;
}

/** The challenge, one of its few attempts counted; `spendChallenge` uses it up. */
export async function attemptChallenge(
  sql: Sql,
  text: string,
  kind: string,
  maxAttempts = 5,
): Promise<Challenge | undefined> {
  const given = parseOpaque("ndm", text);
  const found = given && (await tryChallenge(sql, given.id, kind, maxAttempts));
  return given && found && sameHash(found.secretHash, given.hash) ? found : undefined;
}
