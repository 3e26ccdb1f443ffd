import type { Clock, Secret } from "../../platform/core/index.ts";
import { post, signedHeaders, signingKey, type Attempt as Tried } from "../../platform/webhooks/index.ts";
import type { Due, Webhook } from "./types.ts";

export type Attempt = Tried & { readonly durationMs: number };

export type Deliver = (webhook: Webhook, secret: Secret | undefined, message: Due) => Promise<Attempt>;

/** Never throws: a secret that cannot sign is a failure like others. `closing` breaks it off. */
export const makeDeliver =
  (send: typeof fetch, clock: Clock, closing: AbortSignal): Deliver =>
  async (webhook, secret, { messageId, body }) => {
    const beganMs = clock.monotonicMs();
    const tried = async (): Promise<Tried> => {
      const headers = signedHeaders(signingKey(secret, webhook.secret), { id: messageId, body }, clock.now());
      return post(send, { url: webhook.url, headers, body, signal: closing });
    };
    const ended = await tried().catch((thrown: Error): Tried => ({ status: 0, error: thrown.message.slice(0, 300) }));
    return { ...ended, durationMs: clock.monotonicMs() - beganMs };
  };
