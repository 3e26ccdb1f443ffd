import type { Secret } from "../core/index.ts";
import { type Call, once, type Repository } from "./call.ts";
import type { HookDelivery } from "./types.ts";

export type Hooks = {
  /** A webhook of the repository to `url`; the existing one is brought to these events and this secret. */
  ensureHook(hook: {
    readonly url: string;
    readonly secret: Secret;
    readonly events: readonly string[];
  }): Promise<{ readonly id: number }>;
  /** Newest first, one page. */
  listDeliveries(hook: number): Promise<readonly HookDelivery[]>;
  redeliver(hook: number, delivery: number): Promise<void>;
};

export function makeHooks(call: Call, repository: Repository): Hooks {
  return {
    ensureHook: ({ url, secret, events }) =>
      call("set up the webhook", async ({ rest }) => {
        const wanted = {
          ...repository,
          active: true,
          events: [...events],
          config: { url, content_type: "json", secret: secret.reveal(), insecure_ssl: "0" },
        };
        const { data: hooks } = await rest.repos.listWebhooks({ ...repository, per_page: 100 });
        const existing = hooks.find(({ config }) => config.url === url);
        const { data } = existing
          ? await rest.repos.updateWebhook({ ...wanted, hook_id: existing.id })
          : await rest.repos.createWebhook({ ...wanted, request: once });
        return { id: data.id };
      }),
    listDeliveries: (hook) =>
      call("list webhook deliveries", async ({ rest }) => {
        const { data } = await rest.repos.listWebhookDeliveries({ ...repository, hook_id: hook, per_page: 100 });
        return data.map(({ id, guid, event, status_code, delivered_at }) => ({
          id,
          guid,
          event,
          statusCode: status_code,
          deliveredAt: delivered_at,
        }));
      }),
    redeliver: (hook, delivery) =>
      call(`send webhook delivery ${delivery} again`, async ({ rest }) => {
        await rest.repos.redeliverWebhookDelivery({ ...repository, hook_id: hook, delivery_id: delivery });
      }),
  };
}
