import { createHash } from "node:crypto";
import type { ClientInfo } from "../../platform/identity/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { forgetAttempts, isKnownAddress, refundAttempt, spendAttempt } from "../../platform/store/index.ts";

/**
 * How often one may guess, counted in the ledger for all portals together.
 *
 * 1. An attempt is counted before its password is looked at, in one statement: a thousand at once get no more tries than a
 *    thousand in a row. What was no guess is given back.
 * 2. Counted by the network that it comes from and by account. Whether the account exists plays no part.
 * 3. From an address that the account has signed in from, it is counted apart: a stranger who guesses cannot lock its owner out.
 */
/** Where an attempt comes from. `network` is one customer of a provider: an IPv4 address, an IPv6 /64. */
export type Client = ClientInfo & { readonly network: string };

export type AttemptLimits = {
  readonly windowSeconds: number;
  readonly perAccount: number;
  readonly perAddress: number;
  /** Wrong codes of a second factor, an hour and account. */
  readonly codes: number;
  /** Mails that strangers may cause, an hour: to one mailbox, from one address. */
  readonly mailsToMailbox: number;
  readonly mailsFromAddress: number;
};

export const defaultAttemptLimits: AttemptLimits = {
  windowSeconds: 900,
  perAccount: 10,
  perAddress: 100,
  codes: 10,
  mailsToMailbox: 3,
  mailsFromAddress: 20,
};

export type Admission =
  | { readonly kind: "limited"; readonly retryAfterSeconds: number }
  | { readonly kind: "admitted"; readonly succeeded: () => Promise<void>; readonly halfway: () => Promise<void> };

export type AttemptLimiter = {
  /** Before a password is tried. `succeeded` after a whole sign-in, `halfway` when only the second factor is missing. */
  password(email: string, client: Client): Promise<Admission>;
  /** Before a code of a second factor is tried. */
  code(userId: string): Promise<Admission>;
  /** Before any one-time token is tried. */
  token(client: Client): Promise<Admission>;
  /** Before a stranger causes a mail. `silent`: this mailbox has had enough, which nobody may notice. */
  mail(
    email: string,
    client: Client,
  ): Promise<Exclude<Admission, { kind: "admitted" }> | { readonly kind: "admitted" | "silent" }>;
};

const hour = 3600;

export function makeAttemptLimiter(sql: Sql, limits: AttemptLimits): AttemptLimiter {
  const spend = async (key: string, limit: number, windowSeconds: number) => {
    const { spent, secondsLeft } = await spendAttempt(sql, key, windowSeconds);
    return spent <= limit ? undefined : ({ kind: "limited", retryAfterSeconds: Math.max(1, secondsLeft) } as const);
  };
  const none = async () => undefined;
  return {
    async password(email, { address, network }) {
      const from = keyOf("address", network);
      const known = address !== null && (await isKnownAddress(sql, email, address));
      const account = keyOf(known ? "known" : "account", known ? `${email} ${address}` : email);
      const limited =
        (await spend(from, limits.perAddress, limits.windowSeconds)) ??
        (await spend(account, limits.perAccount, limits.windowSeconds));
      if (limited !== undefined) return limited;
      return {
        kind: "admitted",
        async succeeded() {
          await refundAttempt(sql, from);
          await forgetAttempts(sql, account);
        },
        halfway: () => refundAttempt(sql, from),
      };
    },
    async code(userId) {
      const key = keyOf("code", userId);
      const limited = await spend(key, limits.codes, hour);
      return limited ?? { kind: "admitted", succeeded: () => forgetAttempts(sql, key), halfway: none };
    },
    async token({ network }) {
      const key = keyOf("address", network);
      const limited = await spend(key, limits.perAddress, limits.windowSeconds);
      return limited ?? { kind: "admitted", succeeded: () => refundAttempt(sql, key), halfway: none };
    },
    async mail(email, { network }) {
      const limited = await spend(keyOf("mails-from", network), limits.mailsFromAddress, hour);
      if (limited !== undefined) return limited;
      const enough = await spend(keyOf("mails-to", email), limits.mailsToMailbox, hour);
      return { kind: enough === undefined ? "admitted" : "silent" };
    },
  };
}

/** The table holds no e-mail and no address of whoever only tried. */
const keyOf = (kind: string, what: string): string =>
  `${kind}:${createHash("sha256").update(what).digest("base64url").slice(0, 32)}`;
