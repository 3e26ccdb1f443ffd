import { createHash } from "node:crypto";
import type { WebhookSpec } from "../../platform/spec/index.ts";
import type { Webhook } from "./types.ts";

/** Known by its table and its address: changing events or the secret keeps what is waiting. */
export const withId = (spec: WebhookSpec): Webhook => ({
  ...spec,
  id: `wh_${createHash("sha256")
    .update(JSON.stringify([spec.table, spec.url]))
    .digest("hex")
    .slice(0, 12)}`,
});
