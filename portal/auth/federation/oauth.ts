import * as oauth from "openid-client";
import { asNebulaError, NebulaError, urlRefused } from "../../../platform/core/index.ts";
import { foreignSignInRefused, providerUnavailable } from "./errors.ts";

/** What both kinds of provider need of openid-client: how it asks, and what its errors mean here. */
export const requestTimeoutSeconds = 10;
export const clockToleranceSeconds = 30;

/** Plain text is for providers inside the network that the operator has named: the guarded fetch refuses the others. */
export const inPlainText = (url: URL): boolean => url.protocol === "http:";

/** openid-client asks through the guard, which knows where it may go. */
export const asCustomFetch =
  (guarded: typeof fetch): oauth.CustomFetch =>
  (url, { body, ...init }) =>
    guarded(url, {
      ...init,
      ...(body === undefined || body === null
        ? {}
        : { body: body as string | URLSearchParams | Uint8Array<ArrayBuffer> }),
    } as RequestInit);

/**
 * What went wrong with a provider, for the person before the browser and for the operator. Nothing that the provider wrote is
 * repeated but its error's code.
 */
export function translate(thrown: unknown, label: string): NebulaError {
  const error = asNebulaError(thrown);
  if (thrown instanceof NebulaError && error.code !== urlRefused.definition.code) return thrown;
  if (error.code === urlRefused.definition.code)
    return providerUnavailable(`${label}: ${error.message}`, { cause: thrown });
  if (thrown instanceof oauth.AuthorizationResponseError)
    return foreignSignInRefused(`${label} did not sign you in: ${codeOf(thrown.error)}`, { cause: thrown });
  if (thrown instanceof oauth.ResponseBodyError) return ofTokenEndpoint(thrown, label);
  if (thrown instanceof oauth.ClientError) return ofClient(thrown, label);
  return providerUnavailable(`${label} does not answer`, { cause: thrown });
}

/** What GitHub and others say when it is us whom they do not know. */
const aboutUs = ["invalid_client", "unauthorized_client", "incorrect_client_credentials", "redirect_uri_mismatch"];

function ofTokenEndpoint(thrown: oauth.ResponseBodyError, label: string): NebulaError {
  const code = codeOf(thrown.error);
  if (aboutUs.includes(code))
    return providerUnavailable(`${label} does not know this installation: ${code}`, { cause: thrown });
  if (thrown.status >= 500) return providerUnavailable(`${label} failed: ${code}`, { cause: thrown });
  return foreignSignInRefused(`${label} did not confirm the sign-in: ${code}`, { cause: thrown });
}

/** Neither an answer that breaks off nor one of a proxy is a forgery; everything else that does not fit may be one. */
const broken = [
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
  "OAUTH_RESPONSE_IS_NOT_JSON",
  "OAUTH_PARSE_ERROR",
  "OAUTH_HTTP_REQUEST_FORBIDDEN",
  "OAUTH_MISSING_SERVER_METADATA",
  "OAUTH_INVALID_SERVER_METADATA",
];

function ofClient(thrown: oauth.ClientError, label: string): NebulaError {
  if (thrown.code === undefined || broken.includes(thrown.code))
    return providerUnavailable(`${label} does not answer as it should`, { cause: thrown });
  return foreignSignInRefused(`the answer of ${label} is not for this sign-in`, { cause: thrown });
}

const codeOf = (text: string): string => /^[\w.-]{1,60}$/.exec(text)?.[0] ?? "an error of its own";
