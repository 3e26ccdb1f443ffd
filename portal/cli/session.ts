import { CommandFailure, exitCodes } from "./failure.ts";
import { type Connection, readSaved, saveConnection } from "./settings.ts";
import { userAgent } from "./user-agent.ts";

/** A session as /auth/login, /auth/refresh and their like answer. */
export type SessionAnswer = {
  readonly accessToken: string;
  readonly expiresAt: string;
  readonly refreshToken: string | null;
};

const earlyMs = 30_000;

/**
 * The token to ask with. One of a session is renewed shortly before it dies, and the renewal is kept for the next command. Another
 * command may have done that meanwhile: then its answer is used. Two that renew at the same moment get the same answer.
 */
export function makeTokenSource(connection: Connection): { current(): Promise<string>; renew(): Promise<string> } {
  let now = connection;
  const renew = async (): Promise<string> => {
    now = await renewed(now);
    return now.token;
  };
  return {
    async current() {
      const dies = now.session === undefined ? Number.POSITIVE_INFINITY : Date.parse(now.session.expiresAt);
      return Date.now() < dies - earlyMs ? now.token : renew();
    },
    renew,
  };
}

async function renewed(before: Connection): Promise<Connection> {
  const saved = readSaved();
  const isNewer = saved?.url === before.url && saved.session?.refreshToken !== before.session?.refreshToken;
  if (saved?.session !== undefined && isNewer && Date.parse(saved.session.expiresAt) > Date.now() + earlyMs)
    return saved;
  const refreshToken = (isNewer ? saved?.session : before.session)?.refreshToken;
  const response = await fetch(`${before.url}/api/v1/auth/refresh`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", "user-agent": userAgent() },
    body: JSON.stringify({ refreshToken }),
  }).catch(() => {
    throw new CommandFailure(`${before.url} does not answer`, {
      hint: "Is the platform running? `./nebula status` tells; `./nebula up` starts it.",
    });
  });
  if (!response.ok)
    throw new CommandFailure("the session is over", {
      code: "NEB667",
      exitCode: exitCodes.auth,
      hint: "Sign in again: `./nebula login --email YOU@EXAMPLE`.",
    });
  const next = connectionOf(before.url, (await response.json()) as SessionAnswer);
  if (saved?.url === before.url) saveConnection(next);
  return next;
}

export const connectionOf = (url: string, { accessToken, expiresAt, refreshToken }: SessionAnswer): Connection => ({
  url,
  token: accessToken,
  ...(refreshToken === null ? {} : { session: { refreshToken, expiresAt } }),
});
