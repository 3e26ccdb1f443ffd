import * as oauth from "openid-client";
import type { Clock, Secret } from "../../../platform/core/index.ts";
import { foreignSignInRefused, providerUnavailable } from "./errors.ts";
import { asCustomFetch, clockToleranceSeconds, inPlainText, requestTimeoutSeconds, translate } from "./oauth.ts";
import { emailOf, type ForeignIdentity, oneLine, type Provider, type Trust } from "./provider.ts";

export type OidcSettings = {
  readonly name: string;
  readonly label: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly clientAuthentication: "basic" | "post";
  readonly scopes: readonly string[];
  readonly trust: Trust;
};

export type FederationParts = {
  /** The guarded fetch: it decides whom this installation may ask. */
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly publicUrl: string;
};

const discoveredForMs = 3_600_000;

/**
 * An OpenID provider: authorization code with PKCE, nothing else.
 *
 * 1. The ID token is believed when its signature, issuer, audience, nonce and times are right. The signature is checked although the
 *    token comes straight from the provider.
 * 2. Metadata is remembered for an hour, and only if it is the configured issuer's. Signing keys are read anew at every sign-in:
 *    a key that was replaced a second ago is known, and one that was withdrawn is not.
 */
export function makeOidcProvider(settings: OidcSettings, { fetch, clock, publicUrl }: FederationParts): Provider {
  const { name, label, trust, clientId } = settings;
  const redirectUri = `${publicUrl}/api/v1/auth/oidc/${name}/callback`;
  const issuer = new URL(settings.issuer);
  const extensions = inPlainText(issuer) ? [oauth.allowInsecureRequests] : [];
  const ask = asCustomFetch(fetch);
  let known: { readonly metadata: Promise<oauth.ServerMetadata>; readonly untilMs: number } | undefined;

  const discover = async (): Promise<oauth.ServerMetadata> => {
    const found = await oauth
      .discovery(issuer, clientId, undefined, undefined, {
        [oauth.customFetch]: ask,
        timeout: requestTimeoutSeconds,
        execute: extensions,
      })
      .catch((cause: unknown) => {
        const isNotFit = cause instanceof oauth.ClientError && cause.code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED";
        throw isNotFit ? providerUnavailable(`${label} is not the issuer that it is configured as`, { cause }) : cause;
      });
    const metadata = found.serverMetadata();
    // openid-client is lenient with some issuers' own names; the name is half of whom an identity belongs to.
    if (new URL(metadata.issuer).href !== issuer.href)
      throw providerUnavailable(`${label} is not the issuer that it is configured as`);
    return metadata;
  };

  const metadataNow = (): Promise<oauth.ServerMetadata> => {
    if (known !== undefined && known.untilMs > clock.monotonicMs()) return known.metadata;
    const entry = { metadata: discover(), untilMs: clock.monotonicMs() + discoveredForMs };
    known = entry;
    entry.metadata.catch(() => {
      if (known === entry) known = undefined;
    });
    return entry.metadata;
  };

  const configuration = async (): Promise<oauth.Configuration> => {
    const secret = settings.clientSecret.reveal();
    const proof = settings.clientAuthentication === "post" ? oauth.ClientSecretPost : oauth.ClientSecretBasic;
    const client = { [oauth.clockTolerance]: clockToleranceSeconds };
    const config = new oauth.Configuration(await metadataNow(), clientId, client, proof(secret));
    config[oauth.customFetch] = ask;
    config.timeout = requestTimeoutSeconds;
    for (const extend of [...extensions, oauth.enableNonRepudiationChecks]) extend(config);
    return config;
  };

  return {
    ...{ name, kind: "oidc", label, trust, redirectUri },
    async authorize({ state, nonce, verifier }) {
      try {
        return oauth.buildAuthorizationUrl(await configuration(), {
          ...{ redirect_uri: redirectUri, scope: settings.scopes.join(" "), state, nonce },
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: "S256",
        });
      } catch (thrown) {
        throw translate(thrown, label);
      }
    },
    async identify(query, { state, nonce, verifier }) {
      try {
        const config = await configuration();
        const came = new URL(`${redirectUri}?${query}`);
        const checks = {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        };
        const tokens = await oauth.authorizationCodeGrant(config, came, checks);
        const claims = tokens.claims();
        if (claims === undefined) throw foreignSignInRefused(`${label} answered without an ID token`);
        const isEnough = claims.email !== undefined || config.serverMetadata().userinfo_endpoint === undefined;
        const more = isEnough ? {} : await oauth.fetchUserInfo(config, tokens.access_token, claims.sub);
        return toIdentity(claims.iss, { ...more, ...claims });
      } catch (thrown) {
        throw translate(thrown, label);
      }
    },
  };
}

/** `email_verified` counts when it is true, not when it is a word for it. @throws NEB637 */
function toIdentity(issuer: string, claims: Readonly<Record<string, unknown>>): ForeignIdentity {
  const text = (name: string) => {
    const value = claims[name];
    return typeof value === "string" && value.trim() !== "" ? oneLine(value) : null;
  };
  const subject = String(claims.sub);
  if (!/^[\x20-\x7e]{1,255}$/.test(subject)) throw foreignSignInRefused("the provider's subject is no subject");
  return {
    provider: `oidc:${issuer}`,
    subject,
    login: text("preferred_username") ?? text("email"),
    name: text("name"),
    email: claims.email_verified === true ? emailOf(claims.email) : null,
  };
}
