import { importSPKI, jwtVerify } from "jose";
import type { Context } from "../context.ts";
import { now } from "../context.ts";
import { readAccounts } from "../store/accounts.ts";
import { findApp, listInstallations } from "../store/apps.ts";
import { findToken } from "../store/tokens.ts";
import { anonymous, Caller } from "./caller.ts";
import { badCredentials, Refusal } from "./refusal.ts";

/**
 * Who asks, from the Authorization header: `Bearer` or `token` with a token or an app's JWT, or Basic with the token as
 * password (the user name says nothing) or as user name.
 * @throws Refusal 401 when something was presented that does not hold.
 */
export async function authenticate(context: Context, header: string | undefined): Promise<Caller> {
  if (header === undefined || header === "") return anonymous;
  const credential = credentialOf(header);
  if (credential === undefined) throw badCredentials();
  return credential.split(".").length === 3 ? appCaller(context, credential) : tokenCaller(context, credential);
}

export function credentialOf(header: string): string | undefined {
  const [, scheme = "", value = ""] = /^(\S+) +(\S+) *$/.exec(header) ?? [];
  if (/^(bearer|token)$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return undefined;
  const [user = "", ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
  const secret = password.join(":");
  return secret === "" || secret === "x-oauth-basic" ? user || undefined : secret;
}

async function tokenCaller(context: Context, token: string): Promise<Caller> {
  const row = token.length > 255 ? undefined : await findToken(context.sql, token, now(context));
  if (row === undefined) throw badCredentials();
  const [accounts, app] = await Promise.all([
    readAccounts(context.sql, [row.accountId]),
    row.app === null ? null : findApp(context.sql, row.app),
  ]);
  const account = accounts.get(row.accountId);
  if (account === undefined) throw badCredentials();
  const { installation, owner, repositories, permissions } = row;
  const kind = installation === null ? "user" : "installation";
  return new Caller({ kind, account, app: app ?? null, installation, owner, repositories, permissions });
}

/** RS256 under the app's key, at most ten minutes long, a minute of clock difference allowed. */
async function appCaller(context: Context, jwt: string): Promise<Caller> {
  const undecodable = new Refusal(401, "A JSON web token could not be decoded");
  const issuer = issuerOf(jwt);
  const app = issuer === undefined ? undefined : await findApp(context.sql, issuer);
  if (app === undefined) throw new Refusal(404, "Integration not found");
  const at = now(context);
  try {
    const { payload } = await jwtVerify(jwt, await importSPKI(app.publicKey, "RS256"), {
      algorithms: ["RS256"],
      requiredClaims: ["iss", "iat", "exp"],
      clockTolerance: 60,
      currentDate: at,
    });
    const { exp = 0, iat = 0 } = payload;
    if (exp - at.getTime() / 1000 > 660)
      throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future");
    if (iat - at.getTime() / 1000 > 60) throw new Refusal(401, "'Issued at' claim ('iat') must be in the past");
  } catch (thrown) {
    throw thrown instanceof Refusal ? thrown : undecodable;
  }
  return new Caller({ kind: "app", app, installations: await listInstallations(context.sql, app.id) });
}

/** The app's id, or its client id, not yet verified: it only says whose key to verify with. */
function issuerOf(jwt: string): number | undefined {
  try {
    const { iss } = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8")) as { iss?: unknown };
    if (typeof iss === "string" && /^Iv1\.[0-9a-f]{16}$/.test(iss)) return Number.parseInt(iss.slice(4), 16);
    const id = Number(iss);
    return Number.isSafeInteger(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
