import type { Secret } from "../../platform/core/index.ts";
import { issueEmailToken } from "../../platform/identity/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { findUserByEmail, type MailJob } from "../../platform/store/index.ts";

export type Letter = { readonly subject: string; readonly text: string };

const lifetimes = { verify: 86_400, invite: 7 * 86_400, reset: 3600 } as const;

/**
 * What a mail job says, decided now: the token is made here, in the transaction that ends the job. undefined: nothing is to be
 * sent. A job of a kind that this version does not know is dropped.
 */
export async function writeLetter(tx: Sql, job: MailJob, publicUrl: string): Promise<Letter | undefined> {
  const { email, params } = job;
  const user = await findUserByEmail(tx, email);
  switch (job.kind) {
    case "register": {
      if (user !== undefined) return letters.alreadyThere(publicUrl);
      const details = { name: params.name ?? null };
      return letters.verify(publicUrl, await issue(tx, "verify", email, details));
    }
    case "invite": {
      if (user !== undefined) return undefined;
      const token = await issue(tx, "invite", email, params);
      return letters.invite(publicUrl, token, String(params.invitedBy ?? "An administrator"));
    }
    case "reset": {
      const isReal = user?.kind === "person" && user.disabledAt === null && user.emailVerifiedAt !== null;
      if (user === undefined || !isReal) return undefined;
      const lifetimeSeconds = lifetimes.reset;
      const wanted = { purpose: "reset", email, userId: user.id, details: {}, lifetimeSeconds } as const;
      return letters.reset(publicUrl, await issueEmailToken(tx, wanted));
    }
    case "password-changed":
      return letters.passwordChanged(publicUrl);
    case "way-in-added":
      return letters.wayInAdded(publicUrl, String(params.what));
    default:
      return undefined;
  }
}

const issue = (tx: Sql, purpose: "verify" | "invite", email: string, details: MailJob["params"]): Promise<Secret> =>
  issueEmailToken(tx, { purpose, email, userId: null, details, lifetimeSeconds: lifetimes[purpose] });

/** The token stands on a line of its own: a longer one would be broken on the way. */
const command = (url: string, words: string, token?: Secret): string[] =>
  token === undefined
    ? [`  ./nebula account ${words} --url ${url}`]
    : [`  ./nebula account ${words} TOKEN --url ${url}`, "where TOKEN is", token.reveal()];

const letters = {
  verify: (url: string, token: Secret): Letter => ({
    subject: "Confirm your e-mail address",
    text: lines(
      `Somebody, you we hope, wants an account for this address at ${url}.`,
      "Choose a password and the account is yours:",
      ...command(url, "verify", token),
      "The token works once, for 24 hours. If it was not you, do nothing: without it there is no account.",
    ),
  }),
  alreadyThere: (url: string): Letter => ({
    subject: "You have an account already",
    text: lines(
      `Somebody, you we hope, wanted a new account for this address at ${url}, where it has one.`,
      "If you do not know its password any more:",
      ...command(url, "forgot --email ADDRESS"),
      "If it was not you, do nothing: nothing was changed.",
    ),
  }),
  invite: (url: string, token: Secret, by: string): Letter => ({
    subject: "You are invited to NebulaDB",
    text: lines(
      `${by} invites you to ${url}. Choose a password and the account is yours:`,
      ...command(url, "verify", token),
      "The token works once, for 7 days.",
    ),
  }),
  reset: (url: string, token: Secret): Letter => ({
    subject: "Choose a new password",
    text: lines(
      `Somebody, you we hope, asked for a new password for this address at ${url}:`,
      ...command(url, "reset", token),
      "The token works once, for one hour; every session is signed out. If it was not you, do nothing.",
    ),
  }),
  wayInAdded: (url: string, what: string): Letter => ({
    subject: "A new way to sign in to your account",
    text: lines(
      `Your account at ${url} can be signed in to in a new way now: ${what}.`,
      "If it was not you, take the account back, and look at `./nebula account identities` and `account passkeys`:",
      ...command(url, "forgot --email ADDRESS"),
    ),
  }),
  passwordChanged: (url: string): Letter => ({
    subject: "Your password was changed",
    text: lines(
      `The password of your account at ${url} was changed, and its other sessions are signed out.`,
      "If it was not you, take it back at once:",
      ...command(url, "forgot --email ADDRESS"),
    ),
  }),
};

/** No line is longer than a mail carries as it is. */
const lines = (...paragraphs: string[]): string =>
  `${paragraphs.map((text) => (text.startsWith(" ") ? text : wrapped(text))).join("\n\n")}\n`;

const wrapped = (text: string): string => text.replaceAll(/(?=.{73})(\S.{0,71}) /g, "$1\n");
