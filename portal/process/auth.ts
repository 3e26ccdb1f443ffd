import { join } from "node:path";
import { guardedFetch, hostPolicy, type Scope, say, systemClock } from "../../platform/core/index.ts";
import { makeIdentity, resolveLifetimes } from "../../platform/identity/index.ts";
import { makeMailer } from "../../platform/mail/index.ts";
import { type Auth, ensureSetupToken, makeAuth, resolveProviders, startPost } from "../auth/index.ts";
import { writeSecret } from "../install/index.ts";
import { type Common, publicUrlOf } from "./settings.ts";

/** How people sign in, the mails that go with it, and the token for the first administrator's account. */
export async function openAuth(scope: Scope, { sql, vault, observe, config }: Common): Promise<Auth> {
  const publicUrl = publicUrlOf(config);
  const lifetimes = resolveLifetimes({
    accessSeconds: config.NEBULA_ACCESS_TOKEN_SECONDS,
    idleSeconds: config.NEBULA_SESSION_IDLE_HOURS * 3600,
    absoluteSeconds: config.NEBULA_SESSION_HOURS * 3600,
  });
  const identity = await makeIdentity({ sql, vault, issuer: publicUrl, lifetimes });
  scope.add(identity, (opened) => opened.close());
  const [data, url, from] = [config.NEBULA_DATA, config.NEBULA_SMTP_URL, config.NEBULA_MAIL_FROM];
  const mailer = scope.add(makeMailer({ url, from, folder: join(data, "mail") }), (opened) => opened.close());
  const registration = config.NEBULA_REGISTRATION;
  const { inside } = hostPolicy({ hosts: "", inside: config.NEBULA_PRIVATE_HOSTS });
  const providers = resolveProviders(
    { oidc: config.NEBULA_OIDC_PROVIDERS, github: config.NEBULA_GITHUB_SIGN_IN },
    { fetch: guardedFetch({ inside }, { maxBytes: 1024 * 1024 }), clock: systemClock, publicUrl },
  );
  const auth = makeAuth({ identity, observe, registration, publicUrl, mailVia: mailer.via, providers });
  scope.add(await startPost(auth, mailer), (post) => post.close());
  const setupToken = await ensureSetupToken(sql, (token) => writeSecret(data, "setup-token", token));
  if (setupToken !== undefined) say({ setupToken: setupToken.reveal() });
  return auth;
}
