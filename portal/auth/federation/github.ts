import * as oauth from "openid-client";
import { z } from "zod";
import type { Secret } from "../../../platform/core/index.ts";
import { foreignSignInRefused, providerUnavailable } from "./errors.ts";
import { asCustomFetch, inPlainText, requestTimeoutSeconds, translate } from "./oauth.ts";
import type { FederationParts } from "./oidc.ts";
import { emailOf, type ForeignIdentity, oneLine, type Provider, type Trust } from "./provider.ts";

export type GitHubSettings = {
  readonly label: string;
  /** `https://github.com`, or an Enterprise server's. */
  readonly url: string;
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly trust: Trust;
};

/**
 * GitHub as a sign-in: the user authorisation of an OAuth App or a GitHub App. GitHub speaks OAuth and not OpenID Connect, so who
 * came is asked from its API, with a token that is thrown away afterwards.
 *
 * The subject is the account's number: a login can be given up, and taken by somebody else. It is what a review looks up the
 * author of a pull request by (reconciler/review/author.ts).
 */
export function makeGitHubProvider(settings: GitHubSettings, { fetch, publicUrl }: FederationParts): Provider {
  const { label, url, apiUrl, clientId, trust } = settings;
  const redirectUri = `${publicUrl}/api/v1/auth/github/callback`;
  const server = {
    issuer: `${url}/login/oauth`,
    authorization_endpoint: `${url}/login/oauth/authorize`,
    token_endpoint: `${url}/login/oauth/access_token`,
  };
  const secret = settings.clientSecret.reveal();
  const config = new oauth.Configuration(server, clientId, undefined, oauth.ClientSecretPost(secret));
  config[oauth.customFetch] = asCustomFetch(fetch);
  config.timeout = requestTimeoutSeconds;
  if (inPlainText(new URL(url))) oauth.allowInsecureRequests(config);

  const read = async <S extends z.ZodType>(
    path: string,
    token: string,
    schema: S,
  ): Promise<z.output<S> | undefined> => {
    const response = await fetch(`${apiUrl}${path}`, {
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "nebuladb",
      },
    });
    // An App that may not read e-mail addresses gets 403 or 404.
    if (response.status === 403 || response.status === 404) return undefined;
    if (!response.ok) throw providerUnavailable(`${label} answered ${response.status} to ${path}`);
    return schema.parse(await response.json());
  };

  return {
    ...{ name: "github", kind: "github", label, trust, redirectUri },
    async authorize({ state, verifier }) {
      return oauth.buildAuthorizationUrl(config, {
        ...{ redirect_uri: redirectUri, scope: "read:user user:email", state },
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
    },
    async identify(query, { state, verifier }) {
      try {
        const came = new URL(`${redirectUri}?${query}`);
        const checks = { expectedState: state, pkceCodeVerifier: verifier };
        const { access_token: token } = await oauth.authorizationCodeGrant(config, came, checks);
        const [account, emails] = await Promise.all([
          read("/user", token, accountSchema),
          read("/user/emails", token, emailsSchema),
        ]);
        if (account === undefined) throw foreignSignInRefused(`${label} does not say who came`);
        return toIdentity(account, emails ?? []);
      } catch (thrown) {
        throw translate(thrown, label);
      }
    },
  };
}

const accountSchema = z.object({
  id: z.int().positive(),
  login: z.string().min(1).max(100),
  name: z.string().max(300).nullish(),
});
const emailsSchema = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }));

const toIdentity = (
  account: z.output<typeof accountSchema>,
  emails: z.output<typeof emailsSchema>,
): ForeignIdentity => ({
  provider: "github",
  subject: String(account.id),
  login: account.login,
  name: oneLine(account.name ?? "") || account.login,
  email: emailOf(emails.find(({ primary, verified }) => primary && verified)?.email),
});
