import type { Clock, Secret } from "../../platform/core/index.ts";
import { signedHeaders, signingKey } from "./sign.ts";
import type { Due, Webhook } from "./types.ts";

/** What became of one attempt. `status` 0: nobody answered. */
export type Attempt = { readonly status: number; readonly error: string | null; readonly durationMs: number };

export type Deliver = (webhook: Webhook, secret: Secret | undefined, message: Due) => Promise<Attempt>;

/** One POST. Any answer of 2xx is a receipt; a redirect is none. Never throws. `closing` breaks it off. */
export const makeDeliver =
  (send: typeof fetch, clock: Clock, closing: AbortSignal): Deliver =>
  async (webhook, secret, { messageId, body }) => {
    const beganMs = clock.monotonicMs();
    const ended = (status: number, error: string | null): Attempt => ({
      ...{ status, error },
      durationMs: clock.monotonicMs() - beganMs,
    });
    try {
      const headers = signedHeaders(signingKey(secret, webhook.secret), { id: messageId, body }, clock.now());
      const response = await send(webhook.url, { method: "POST", headers, body, redirect: "manual", signal: closing });
      return ended(response.status, response.ok ? null : `answered ${response.status}`);
    } catch (thrown) {
      return ended(0, thrown instanceof Error ? thrown.message.slice(0, 300) : "failed");
    }
  };
