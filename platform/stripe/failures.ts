import { NebulaError } from "../core/index.ts";
import { stripeRefused, stripeUnauthorized, stripeUnavailable } from "./errors.ts";

/** As far as the library tells what went wrong. */
type Failure = {
  readonly type?: unknown;
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly requestId?: unknown;
  readonly message?: unknown;
};

/** Stripe's failures as ours, once. What it says of a key is never repeated. */
export async function translated<T>(what: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    throw toFault(what, thrown);
  }
}

/** It answered that there is no such thing. */
export const isMissing = (thrown: unknown): boolean =>
  thrown instanceof NebulaError && thrown.fields.stripeCode === "resource_missing";

/** It has an event by that identifier: it was told before. Refused there in words alone, without a code. */
export function isKnownEvent(thrown: unknown): boolean {
  const { statusCode, message } = (thrown ?? {}) as Failure;
  return (
    statusCode === 400 && typeof message === "string" && message.startsWith("An event already exists with identifier")
  );
}

function toFault(what: string, thrown: unknown): NebulaError {
  if (thrown instanceof NebulaError) return thrown;
  const { type, statusCode, code, requestId, message } = (thrown ?? {}) as Failure;
  const status = typeof statusCode === "number" ? statusCode : 0;
  const fields = {
    ...(typeof code === "string" ? { stripeCode: code } : {}),
    ...(typeof requestId === "string" ? { stripeRequest: requestId } : {}),
  };
  if (status === 401 || status === 403 || type === "StripePermissionError")
    return stripeUnauthorized(`${what}: it answered ${status}`, { fields });
  // 409 is another request under the same key that is still at work; 429 that we ask too often.
  if (status === 0 || status >= 500 || status === 409 || status === 429)
    return stripeUnavailable(`${what}: ${status === 0 ? "it did not answer" : `it answered ${status}`}`, {
      cause: thrown,
      fields,
    });
  const said =
    typeof message === "string" ? message.replaceAll(/\b[sr]k_(live|test)_[\w*]+/g, "[key]").slice(0, 300) : "";
  return stripeRefused(`${what}: ${said}`, { fields });
}
