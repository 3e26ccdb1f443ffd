import { type ApiSpec, apiRoles, type DatabaseId } from "../../platform/spec/index.ts";
import type { KeyAccess, Keys } from "./keys.ts";
import { anonymousRefused, keyRefused, roleRefused, tokenExpired, tokenRefused } from "./refusal.ts";
import type { Tokens } from "./tokens.ts";
import type { Answer, Asked, Caller } from "./types.ts";

/**
 * Who asks, by the credentials of a request.
 *
 * 1. `apikey` and `Authorization: ApiKey` carry a key of the platform, `Authorization: Bearer` either a key or a token. Beside a
 *    key, a token says as whom; then the caller may do what both may.
 * 2. A credential that opens nothing is refused, never ignored: who sent it believes to be somebody.
 * 3. A key becomes `authenticated`, one with data:admin `service_role`; a token the role that it names, of those that are declared.
 */
export type Verdict =
  | { readonly kind: "caller"; readonly caller: Caller }
  /** `wrong`: counts against who guesses. */
  | { readonly kind: "refused"; readonly answer: Answer; readonly wrong: boolean };

export type WhoDeps = { readonly id: DatabaseId; readonly api: ApiSpec; readonly keys: Keys; readonly tokens: Tokens };

export async function whoAsks(
  deps: WhoDeps,
  { headers, address }: Pick<Asked, "headers" | "address">,
): Promise<Verdict> {
  const found = credentialsIn(headers);
  if (found === undefined) return wrong(tokenRefused("The Authorization header is malformed"));
  const { key, token } = found;
  if (key === undefined && token === undefined)
    return deps.api.anonymous ? { kind: "caller", caller: nobody(address) } : no(anonymousRefused());
  let access: KeyAccess | undefined;
  if (key !== undefined) {
    access = keyShape.test(key) ? await deps.keys.find(key, deps.id) : undefined;
    if (access === undefined) return wrong(keyRefused());
  }
  return token === undefined ? { kind: "caller", caller: ofKey(access as KeyAccess) } : ofToken(deps, token, access);
}

const no = (answer: Answer): Verdict => ({ kind: "refused", answer, wrong: false });
const wrong = (answer: Answer): Verdict => ({ kind: "refused", answer, wrong: true });

/** undefined when the header is no credential, or two keys are there that differ. */
function credentialsIn(headers: Asked["headers"]): { readonly key?: string; readonly token?: string } | undefined {
  const { authorization, apikey } = headers;
  const [, scheme, text] = /^(bearer|apikey) +([^\s,]+)$/i.exec(authorization?.trim() ?? "") ?? [];
  if (authorization !== undefined && text === undefined) return undefined;
  const second =
    text === undefined ? {} : scheme?.toLowerCase() === "apikey" || isKey(text) ? { key: text } : { token: text };
  if (apikey === undefined || apikey === "") return second;
  // Clients made for Supabase send one thing in both headers: a token there is the same token.
  const first = isKey(apikey) ? { key: apikey } : { token: apikey };
  if ("key" in first && "key" in second && first.key !== second.key) return undefined;
  return { ...first, ...second };
}

/** As platform/identity makes them; what has another shape is not asked about. */
const keyShape = /^ndb_(live|test)_[0-9a-z]{26}_[0-9A-Za-z]{49}$/;
const isKey = (text: string): boolean => text.startsWith("ndb_");

const nobody = (address: string): Caller => ({
  ...{ kind: "anonymous", role: "anon", claims: { role: "anon" }, mayWrite: true },
  subject: `address:${address}`,
});

function ofKey({ id, name, user, access }: KeyAccess): Caller {
  const role = access === "admin" ? "service_role" : "authenticated";
  return {
    ...{ kind: "key", role, mayWrite: access !== "read", subject: `key:${id}` },
    claims: { iss: "nebuladb", sub: user, role, key: { id, name } },
  };
}

async function ofToken({ api, tokens }: WhoDeps, token: string, access: KeyAccess | undefined): Promise<Verdict> {
  const verdict = await tokens.verify(token);
  if (verdict.kind === "expired") return no(tokenExpired());
  if (verdict.kind === "refused") return wrong(tokenRefused(verdict.why));
  const { claims, role = "authenticated", issuer } = verdict;
  const usual: readonly string[] = apiRoles.filter((one) => one !== "service_role");
  if (!usual.includes(role) && !api.roles.includes(role)) return no(roleRefused(role));
  const subject = typeof claims.sub === "string" ? `user:${issuer}:${claims.sub}` : `role:${issuer}:${role}`;
  const mayWrite = access === undefined || access.access !== "read";
  return { kind: "caller", caller: { kind: "token", role, claims, subject, mayWrite } };
}
